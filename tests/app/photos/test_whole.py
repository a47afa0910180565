"""PNG, WebP, AVIF and HEIC: as they show in a browser, in little memory, and never an exception."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from random import Random
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms
from pillow_heif import HeifImageFile

from app.config import ROOT
from app.photos import avif, read_photo
from app.photos.errors import PhotoError
from app.photos.kinds import JPEG, KINDS, Kind, available, suffixes, title_of
from tests.hostile import others
from tests.hostile.fuzz import damaged
from tests.hostile.others import chunk

WHOLE = [name for name in KINDS if name != "jpeg"]
MANY = 10**9
PHOTO = Image.fromarray(skimage.data.astronaut()).resize((240, 180))


def saved(kind: str, picture: Image.Image = PHOTO, **options: Any) -> bytes:
    return others.saved(kind, picture, **{"quality": 95, **options})


def read(data: bytes, max_pixels: int = MANY) -> np.ndarray:
    return read_photo(data, MANY, max_pixels, available())


def refusal(data: bytes, max_pixels: int = MANY) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        read(data, max_pixels)
    return caught.value


def assert_shows(data: bytes, expected: Image.Image) -> None:
    photo, wanted = read(data), np.asarray(expected.convert("RGB")).astype(float)
    assert (photo.dtype, photo.shape) == (np.uint8, wanted.shape)
    assert np.abs(photo - wanted).mean() < 4


@pytest.mark.parametrize("kind", WHOLE)
def test_it_reads_a_photo(kind: str) -> None:
    assert_shows(saved(kind), PHOTO)


@pytest.mark.parametrize("kind", WHOLE)
def test_what_is_transparent_is_white(kind: str) -> None:
    picture = PHOTO.copy()
    left = Image.new("L", picture.size, 255)
    left.paste(0, (0, 0, 120, 180))
    picture.putalpha(left)
    expected = PHOTO.copy()
    expected.paste("white", (0, 0, 120, 180))
    assert_shows(saved(kind, picture), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_it_reads_every_mode_of_png(mode: str) -> None:
    picture = PHOTO.convert(mode)
    assert_shows(saved("png", picture), picture)


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_a_colour_of_a_png_may_be_transparent(mode: str) -> None:
    black = (0, 0, 0) if mode == "RGB" else 0
    picture = Image.new(mode, (40, 30), black)
    assert read(saved("png", picture)).max() == 0
    assert read(saved("png", picture, transparency=black)).min() == 255


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_it_reads_16_bits(channels: int) -> None:
    picture = PHOTO.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
    values = np.asarray(picture).astype(np.uint16) * 257
    swapped = values if channels == 1 else values[..., [2, 1, 0, 3][:channels]]
    written, data = cv2.imencode(".png", swapped)
    assert written
    assert_shows(data.tobytes(), picture)


@pytest.mark.parametrize("kind", ["png", "webp", "avif"])
def test_of_an_animation_it_takes_the_first_frame(kind: str) -> None:
    others = [Image.new("RGB", PHOTO.size, "blue")] * 2
    assert_shows(saved(kind, save_all=True, append_images=others, duration=100), PHOTO)


@pytest.mark.parametrize(("kind", "turned"), [("png", True), ("avif", True), ("webp", False)])
def test_it_is_turned_as_browsers_turn_it(kind: str, turned: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = PHOTO.transpose(Image.Transpose.ROTATE_270)
    assert_shows(saved(kind, exif=exif), upright if turned else PHOTO)


@pytest.mark.parametrize("kind", WHOLE)
def test_it_is_shown_in_srgb(kind: str) -> None:
    lab = ImageCms.createProfile("LAB")
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, broken = saved(kind, icc_profile=swapped), saved(kind, icc_profile=b"no profile")
    other = saved(kind, icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    for data in (plain, broken, other):
        assert_shows(data, PHOTO)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_large_one_comes_smaller(kind: str) -> None:
    large = PHOTO.resize((1800, 1350))
    assert_shows(saved(kind, large, quality=60), PHOTO.resize((900, 675)))


@pytest.mark.parametrize("kind", WHOLE)
def test_fewer_pixels_are_allowed_than_of_a_jpeg(kind: str) -> None:
    most = PHOTO.width * PHOTO.height * KINDS[kind].memory // JPEG[0].memory
    assert read(saved(kind), most).shape == (180, 240, 3)
    error = refusal(saved(kind), most - KINDS[kind].memory)
    assert error.code == "too_many_pixels"
    assert "240 × 180" in str(error)


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_it_needs_no_more_memory_than_is_said(kind: str, mode: str) -> None:
    picture = PHOTO.resize((2000, 1500)).convert(mode)
    if mode == "RGBA":
        picture.putalpha(picture.convert("L"))
    working = 30 * 1024  # what is left in the end, strips, the libraries' own
    most = working + 3_000_000 * KINDS[kind].memory / 1024
    assert memory_of(saved(kind, picture, quality=50)) < most


def memory_of(data: bytes) -> int:
    """Kilobytes that reading it takes, in a process of its own."""
    program = (
        "import sys\n"
        "import PIL.AvifImagePlugin, PIL.PngImagePlugin, PIL.WebPImagePlugin, pillow_heif\n"
        "from app.photos import read_photo\n"
        "from app.photos.kinds import available\n"
        "from benchmarks.weighing import kilobytes\n"
        "data = sys.stdin.buffer.read()\n"
        "before = kilobytes('/proc/self/status', 'VmHWM')\n"
        "read_photo(data, len(data), 10**9, available())\n"
        "print(kilobytes('/proc/self/status', 'VmHWM') - before)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=data,
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    return int(ran.stdout)


def test_a_png_of_a_million_chunks_is_refused() -> None:
    data = saved("png")
    at = data.index(b"IDAT") - 4
    with_ten, with_many = (
        data[:at] + chunk(b"teST", b"") * number + data[at:] for number in (10, 1_000_000)
    )
    assert_shows(with_ten, PHOTO)
    assert refusal(with_many).code == "corrupt_photo"


@pytest.mark.parametrize("size", [(65_535, 300), (200, 60_000)])
def test_long_and_narrow_ones_need_no_more_memory(size: tuple[int, int]) -> None:
    assert_shows(saved("png", Image.new("L", (1000, 2), 7)), Image.new("L", (1000, 2), 7))
    data = saved("png", Image.new("RGBA", size, (9, 9, 9, 99)), compress_level=1)
    assert memory_of(data) < 1024 * (30 + 5 * size[0] * size[1] / 1e6)


@pytest.mark.parametrize("size", [(70_000, 1), (1, 70_000)])
def test_no_side_is_longer_than_a_jpeg_s(size: tuple[int, int]) -> None:
    assert refusal(saved("png", Image.new("L", size))).code == "too_many_pixels"


def test_of_16_bits_of_grey_one_value_may_be_transparent() -> None:
    values = np.array([[0x1234, 0x8000]], np.uint16)
    data = png_of_16_bits(values)
    at = data.index(b"IDAT") - 4
    with_colour = data[:at] + chunk(b"tRNS", b"\x12\x34") + data[at:]
    assert read(with_colour)[0, :, 0].tolist() == [255, 0x80]


def png_of_16_bits(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def with_said_size(data: bytes, side: int) -> bytes:
    """An AVIF that says in each header of its own that it is a square of this size."""
    said = side.to_bytes(4, "big") * 2
    parts = data.split(b"ispe\0\0\0\0")
    return b"ispe\0\0\0\0".join([parts[0], *(said + part[8:] for part in parts[1:])])


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_an_avif_is_as_large_as_its_data_whatever_its_header_says(mode: str) -> None:
    large = Image.new(mode, (4000, 3000), 9 if mode == "L" else (9, 9, 9, 99)[: len(mode)])
    error = refusal(with_said_size(saved("avif", large), 64), 50_000_000)
    assert error.code == "too_many_pixels" and "4000 × 3000" in str(error)


def test_of_an_avif_the_transparency_too_is_as_large_as_its_data() -> None:
    picture = Image.new("RGBA", (64, 48))
    picture.putalpha(Image.radial_gradient("L").resize((64, 48)))
    assert avif.sizes(saved("avif", picture)) == [(64, 48)] * 2


@pytest.mark.parametrize("kind", [b"iloc", b"iinf", b"meta", b"av01"])
def test_an_avif_whose_data_cannot_be_found_is_refused(kind: bytes) -> None:
    assert refusal(saved("avif").replace(kind, b"xxxx")).code == "corrupt_photo"


def test_size_is_told_by_the_header_alone() -> None:
    data = bytearray(saved("png"))
    data[16:24] = b"\x00\x01\x00\x00\x00\x01\x00\x00"
    assert refusal(bytes(data)).code in ("too_many_pixels", "corrupt_photo")
    large = bytearray(saved("webp", lossless=True))
    at = large.index(b"VP8L") + 9
    large[at : at + 4] = b"\xff\xff\xff\x0f"  # 16384 × 16384
    assert refusal(bytes(large), 50_000_000).code == "too_many_pixels"


@pytest.mark.parametrize("kind", WHOLE)
def test_half_a_file_is_refused(kind: str) -> None:
    data = saved(kind)
    for end in range(12, len(data) - 40, len(data) // 9):
        assert refusal(data[:end]).code == "corrupt_photo"


@pytest.mark.parametrize("kind", WHOLE)
def test_what_follows_the_picture_is_not_looked_at(kind: str) -> None:
    assert_shows(saved(kind) + b"\xff\xd8 more" * 1000, PHOTO)


def test_a_png_without_its_end_is_whole() -> None:
    data = saved("png")
    assert_shows(data[: data.index(b"IEND") - 4], PHOTO)


@pytest.mark.parametrize("kind", WHOLE)
def test_random_damage_never_raises_anything_else(kind: str) -> None:
    random = Random(1)
    original = saved(kind, PHOTO.resize((60, 40)))
    for _ in range(150):
        try:
            photo = read(damaged(original, random), 10_000_000)
        except PhotoError:
            continue
        assert photo.dtype == np.uint8 and photo.ndim == 3


@pytest.mark.parametrize("kind", WHOLE)
def test_it_is_refused_where_it_is_not_taken(kind: str) -> None:
    with pytest.raises(PhotoError) as caught:
        read_photo(saved(kind), MANY, MANY, (KINDS["jpeg"],))
    title = KINDS[kind].title
    assert str(caught.value).startswith(f"This file is {title}, not JPEG.")


@pytest.mark.parametrize("kinds", [JPEG, (KINDS["png"], KINDS["webp"])])
def test_other_files_are_told_what_is_taken(kinds: tuple[Kind, ...]) -> None:
    for data in (b"GIF89a", b"%PDF-1", b"BM", b"hello", b"\0\0\0\x18ftypqt  ", b"RIFFxxxxAVI "):
        with pytest.raises(PhotoError) as caught:
            read_photo(data, MANY, MANY, kinds)
        assert caught.value.code == "not_jpeg"
        assert "/".join(kind.title for kind in kinds) in str(caught.value)


@pytest.mark.parametrize(
    ("brands", "title"),
    [
        (b"heic", "HEIC"),
        (b"mif1\0\0\0\0mif1heic", "HEIC"),
        (b"mif1\0\0\0\0mif1avif", "AVIF"),
        (b"avif\0\0\0\0mif1", "AVIF"),
        (b"isom\0\0\0\0avc1", None),
    ],
)
def test_boxes_are_told_apart_by_their_brands(brands: bytes, title: str | None) -> None:
    head = (8 + len(brands)).to_bytes(4, "big") + b"ftyp"
    assert title_of(head + brands) == title


def test_the_brands_end_where_their_box_ends() -> None:
    assert title_of((20).to_bytes(4, "big") + b"ftypmif1\0\0\0\0mif1avif") == "HEIC"


def test_files_are_known_by_their_endings() -> None:
    assert suffixes((KINDS["jpeg"], KINDS["heic"])) == (".jpg", ".jpeg", ".jfif", ".heic", ".heif")


def test_heic_is_turned_by_its_own_box_alone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved("heic", exif=exif)
    assert HeifImageFile(BytesIO(data)).size == PHOTO.size
    assert_shows(data, PHOTO)
