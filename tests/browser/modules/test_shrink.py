"""Photos made small before they are sent."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms, ImageOps

from app.photos import read_photo
from app.photos.errors import CorruptPhoto, EmptyPhoto, NoPhoto, OtherKind, PhotoError
from tests.browser.modules.conftest import Run, opened, saved, sent
from tests.browser.modules.corpus import iim, segment, with_segments, xmp
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


def test_a_small_jpeg_that_is_but_a_picture_is_sent_as_it_is(run: Run) -> None:
    assert shrink(run, sent(jpeg(1024, 700)))[0]


def test_a_jpeg_of_many_bytes_is_made_smaller_though_its_sides_are_short(run: Run) -> None:
    heavy = noise(1000, 800)
    same, _, small = shrink(run, sent(heavy), quality=0.5)
    assert (same, small.size) == (False, (1000, 800))


PLACE = b"52.5 degrees north"


def with_secrets(photo: bytes, orientation: int = 1) -> bytes:
    """The place in EXIF, XMP, IIM, a comment, another program's segment, and behind the picture."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, PLACE.decode()
    content = exif.tobytes()
    parts = [segment(0xE1, content), xmp(PLACE), iim(PLACE), segment(0xFE, PLACE)]
    parts += [
        segment(0xE5, PLACE),
        segment(0xE2, b"MPF\0" + PLACE),
        segment(0xE0, b"JFXX\0" + PLACE),
    ]
    return with_segments(photo, *parts) + with_segments(jpeg(20, 10), segment(0xE1, PLACE))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_small_jpeg_is_sent_without_what_is_about_it(run: Run, progressive: bool) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = jpeg(300, 200, progressive=progressive, icc_profile=profile)
    same, name, _, data = run("shrink", SHRINK, [sent(with_secrets(photo), "b.jpg"), {}])
    assert (same, name, b64decode(data)) == (False, "b.jpg", photo)


def test_a_comment_between_two_scans_is_not_sent(run: Run) -> None:
    photo = jpeg(300, 200, progressive=True)
    second = photo.rindex(b"\xff\xda")
    said = photo[:second] + segment(0xFE, PLACE) + photo[second:]
    _, _, _, data = run("shrink", SHRINK, [sent(said), {}])
    assert b64decode(data) == photo


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_small_jpeg_is_sent_with_which_way_is_up(run: Run, orientation: int) -> None:
    _, _, small = shrink(run, sent(with_secrets(jpeg(300, 200), orientation)))
    assert small.getexif().get(0x0112, 1) == orientation
    assert list(small.getexif()) == ([0x0112] if orientation > 1 else [])


def test_what_the_server_sees_of_it_is_upright(run: Run) -> None:
    photo = with_secrets(jpeg(300, 200), 6)
    _, _, _, data = run("shrink", SHRINK, [sent(photo), {}])
    before, after = (read_photo(one, 10**7, 10**7) for one in (photo, b64decode(data)))
    assert np.array_equal(before, after) and after.shape == (300, 200, 3)


def test_stray_bytes_between_segments_do_no_harm(run: Run) -> None:
    photo = with_secrets(noise(1100, 300))
    table = photo.index(b"\xff\xdb")
    stray = photo[:table] + b"\0\x17" + photo[table:]
    _, _, small = shrink(run, sent(stray))
    assert small.size == (1024, 280) and "exif" not in small.info


@pytest.mark.parametrize("lost", [2, 40_000], ids=["the end marker", "rows"])
def test_a_photo_without_its_end_is_left_to_the_server_without_its_place(
    run: Run, lost: int
) -> None:
    photo = noise(1100, 300)
    parts = [segment(0xE1, b"Exif\0\0" + PLACE), xmp(PLACE)]
    cut = with_segments(photo, *parts)[:-lost]
    _, _, _, data = run("shrink", SHRINK, [sent(cut), {}])
    assert b64decode(data) == photo[:-lost]
    if lost == 2:
        assert read_photo(b64decode(data), 10**7, 10**7).shape == (300, 1100, 3)
    else:
        with pytest.raises(CorruptPhoto):
            read_photo(b64decode(data), 10**7, 10**7)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyPhoto),
        (b"\xff\xd8", CorruptPhoto),
        (b"\xff\xd8\xff\xe1\xff\xffExif\0\0" + PLACE, CorruptPhoto),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + PLACE, OtherKind),
        (b"\x89PNG\r\n\x1a\n" + bytes(20) + PLACE, OtherKind),
        (b"just some words" + PLACE, NoPhoto),
    ],
    ids=["empty", "two bytes", "cut in exif", "heic", "png", "text"],
)
def test_of_what_cannot_be_decoded_the_server_gets_what_kind_it_is(
    run: Run, data: bytes, error: type[PhotoError]
) -> None:
    _, name, kind, after = run("shrink", SHRINK, [sent(data, "a.heic", "image/heic"), {}])
    assert (name, kind) == ("a.heic", "image/heic")
    assert b64decode(after) == data[:16]
    with pytest.raises(error):
        read_photo(b64decode(after), 10**7, 10**7)


def test_a_huge_photo_is_no_harm(run: Run) -> None:
    _, _, small = shrink(run, sent(jpeg(8000, 6200, quality=10)))
    assert small.size == (1024, 794)


def test_a_very_narrow_picture_keeps_a_pixel(run: Run) -> None:
    _, _, small = shrink(run, sent(saved(Image.new("RGB", (4000, 2)), "PNG")))
    assert small.size == (1024, 1)
