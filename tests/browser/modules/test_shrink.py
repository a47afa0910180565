"""Photos made small before they are sent."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from tests.browser.modules.conftest import Run, opened, saved, sent
from tests.fakes import jpeg, noise

SHRINK = """
    const file = toFile(arg[0]);
    const small = await m.toUpload(file, arg[1] ?? {});
    return [small === file, small.name, small.type, await toBase64(small)];
"""


def shrink(run: Run, file: list[str], **options: float) -> tuple[bool, str, Image.Image]:
    """Whether it is as it was, its name, its picture."""
    same, name, kind, data = run("shrink", SHRINK, [file, options])
    assert kind == "image/jpeg"
    image = opened(b64decode(data))
    assert image.format == "JPEG"
    return same, name, image


def test_a_photo_of_12_megapixels_goes_up_as_a_few_hundred_kilobytes(run: Run) -> None:
    photo = Image.fromarray(skimage.data.coffee()).resize((1024, 768))
    grain = np.random.default_rng(0).integers(0, 12, (100, 100, 1), np.uint8)
    large = np.asarray(photo.resize((4000, 3000))) // 2 + np.tile(grain, (30, 40, 1))
    data = saved(Image.fromarray(large), quality=93)
    assert len(data) > 2_000_000
    same, name, kind, after = run("shrink", SHRINK, [sent(data, "IMG_1.JPEG"), {}])
    assert (same, name, kind) == (False, "IMG_1.jpg", "image/jpeg")
    assert 50_000 < len(b64decode(after)) < 400_000
    small = opened(b64decode(after))
    assert small.size == (1024, 768)
    difference = np.asarray(small, float) - (np.asarray(photo, float) / 2 + 5.5)
    assert np.abs(difference).mean() < 4, "it is the same picture"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_shrunk_photo_is_upright(run: Run, orientation: int) -> None:
    corners = np.zeros((2, 3, 3), np.uint8)
    corners[0, 0], corners[0, 2], corners[1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image = Image.fromarray(corners).resize((300, 200), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(image, exif=exif)
    upright = ImageOps.exif_transpose(opened(data))
    _, _, small = shrink(run, sent(data), side=150)
    assert small.size == (upright.width // 2, upright.height // 2)
    assert 0x0112 not in small.getexif()
    difference = np.abs(np.asarray(small, float) - np.asarray(upright.resize(small.size), float))
    assert difference.mean() < 8


def test_a_picture_with_transparent_parts_gets_white_behind_them(run: Run) -> None:
    image = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    same, name, small = shrink(run, sent(saved(image, "PNG"), "no type.png", ""))
    assert (same, name, small.size) == (False, "no type.jpg", (40, 20))
    assert small.getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP"])
def test_what_the_browser_can_decode_becomes_jpeg(run: Run, kind: str) -> None:
    data = saved(Image.new("RGB", (40, 20), "blue"), kind)
    # Its type is that of its name, which is wrong.
    same, _, small = shrink(run, sent(data, "a.jpg"))
    assert not same
    assert small.getpixel((20, 10))[2] > 240


def test_a_small_jpeg_is_sent_as_it_is(run: Run) -> None:
    assert shrink(run, sent(jpeg(1024, 700)))[0]


def test_a_jpeg_of_many_bytes_is_made_smaller_though_its_sides_are_short(run: Run) -> None:
    heavy = noise(1000, 800)
    same, _, small = shrink(run, sent(heavy), quality=0.5)
    assert (same, small.size) == (False, (1000, 800))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        b"just words",
        noise(1100, 300)[:-100_000],
    ],
    ids=["empty", "two bytes", "heic", "text", "two thirds of a jpeg"],
)
def test_what_cannot_be_decoded_is_left_for_the_server_to_refuse(run: Run, data: bytes) -> None:
    same, name, kind, after = run("shrink", SHRINK, [sent(data, "a.heic", "image/heic"), {}])
    assert (same, name, kind) == (True, "a.heic", "image/heic")
    assert b64decode(after) == data


def test_a_huge_photo_is_no_harm(run: Run) -> None:
    _, _, small = shrink(run, sent(jpeg(8000, 6200, quality=10)))
    assert small.size == (1024, 794)


def test_a_very_narrow_picture_keeps_a_pixel(run: Run) -> None:
    _, _, small = shrink(run, sent(saved(Image.new("RGB", (4000, 2)), "PNG")))
    assert small.size == (1024, 1)
