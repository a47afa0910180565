"""Photos that cameras make, photos that went wrong, and files that only look like photos."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from app.config import ROOT
from app.photos import read_photo
from app.photos.errors import PhotoError, rounded
from app.photos.jpeg import MOST_SCANS
from app.photos.sizes import DECODED_PIXELS

MEGA = 1_000_000
END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN = b"\xff\xda"
BASELINE_FRAME = b"\xff\xc0"
REAL_PHOTO = Image.fromarray(skimage.data.astronaut()).resize((240, 180))


def jpeg(picture: Image.Image = REAL_PHOTO, kind: str = "JPEG", **options) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **{"quality": 95, "subsampling": 0, **options})
    return stream.getvalue()


def read(data: bytes, max_bytes: int = 10 * MEGA, max_pixels: int = 50 * MEGA) -> np.ndarray:
    return read_photo(data, max_bytes, max_pixels)


def refusal(data: bytes, **limits: int) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        read(data, **limits)
    return caught.value


def assert_looks_like(photo: np.ndarray, expected: Image.Image | np.ndarray) -> None:
    wanted = np.asarray(expected).astype(float)
    assert photo.shape == wanted.shape
    assert np.abs(photo - wanted).mean() < 4


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The same file with another size in its frame header."""
    start = data.index(BASELINE_FRAME) + 5
    return data[:start] + struct.pack(">HH", height, width) + data[start + 4 :]


# Kinds of JPEG


@pytest.mark.parametrize("progressive", [False, True])
def test_it_reads_a_photo(progressive):
    photo = read(jpeg(progressive=progressive))
    assert photo.dtype == np.uint8
    assert photo.flags.c_contiguous
    assert_looks_like(photo, REAL_PHOTO)


def test_it_reads_a_grayscale_photo_as_rgb():
    gray = REAL_PHOTO.convert("L")
    assert_looks_like(read(jpeg(gray)), gray.convert("RGB"))


def test_it_reads_cmyk():
    assert_looks_like(read(jpeg(REAL_PHOTO.convert("CMYK"))), REAL_PHOTO)


def test_it_reads_ycck():
    """What Photoshop writes. Pillow cannot, so: CMYK with YCCK's numbers, then marked as YCCK."""
    stored = np.asarray(Image.eval(REAL_PHOTO, lambda value: 255 - value).convert("YCbCr"))
    no_black = np.full((*stored.shape[:2], 1), 255, np.uint8)
    channels = np.concatenate([stored, no_black], axis=2)
    data = jpeg(Image.fromarray(255 - channels, "CMYK"))  # Pillow stores CMYK inverted, as Adobe
    transform = data.index(b"Adobe") + 11
    assert_looks_like(read(data[:transform] + b"\x02" + data[transform + 1 :]), REAL_PHOTO)


@pytest.mark.parametrize("index", [None, bytes(8)], ids=["sound", "broken index"])
def test_it_reads_the_first_picture_of_a_phones_mpo(index):
    data = jpeg(kind="MPO", save_all=True, append_images=[Image.new("RGB", (99, 99))])
    assert Image.open(BytesIO(data)).format == "MPO"
    if index:
        start = data.index(b"MPF\x00") + 4
        data = data[:start] + index + data[start + len(index) :]
    assert_looks_like(read(data), REAL_PHOTO)


# Sizes


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 700), (2000, 1000)])
def test_it_keeps_the_size_of_a_small_photo(size):
    width, height = size
    assert read(jpeg(Image.new("RGB", size))).shape == (height, width, 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_it_reads_a_large_photo_at_a_reduced_size(progressive):
    large = REAL_PHOTO.resize((4000, 3000))
    photo = read(jpeg(large, progressive=progressive))
    assert_looks_like(photo, large.resize((1000, 750)))


@pytest.mark.parametrize("size", [(2001, 1000), (16001, 1200), (65000, 500), (40, 60000)])
def test_it_decodes_a_bounded_number_of_pixels_whatever_the_shape(size):
    height, width, _ = read(jpeg(Image.new("L", size))).shape
    assert DECODED_PIXELS / 5 < height * width <= DECODED_PIXELS
    assert width / height == pytest.approx(size[0] / size[1], rel=0.1)


def test_a_48_megapixel_photo_takes_little_memory():
    program = (
        "import sys\n"
        "from app.photos import read_photo\n"
        "from benchmarks.weighing import kilobytes\n"
        # Not getrusage(), which begins with what the parent held.
        "peak = lambda: kilobytes('/proc/self/status', 'VmHWM')\n"
        "data, before = sys.stdin.buffer.read(), peak()\n"
        "read_photo(data, len(data), 48_000_000)\n"
        "print(peak() - before)"
    )
    data = jpeg(Image.new("L", (8000, 6000)))
    ran = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, check=True, cwd=ROOT
    )
    assert int(ran.stdout) < 30 * 1024  # kB; 642 MB without reduction


# Upright


def quarters() -> np.ndarray:
    """A picture that no turn or flip leaves as it is."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = (230, 30, 30)
    picture[:24, 32:] = (30, 230, 30)
    picture[24:, :32] = (30, 30, 230)
    return picture


def oriented(orientation: object) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif.tobytes()


TAGS = b"Exif\x00\x00II*\x00\x08\x00\x00\x00"  # the start of EXIF, up to its tags

STORED = {  # by EXIF orientation: where a camera that was held so puts the upright picture
    1: lambda picture: picture,
    2: np.fliplr,
    3: lambda picture: np.rot90(picture, 2),
    4: np.flipud,
    5: lambda picture: picture.transpose(1, 0, 2),
    6: lambda picture: np.rot90(picture, 1),
    7: lambda picture: np.rot90(picture.transpose(1, 0, 2), 2),
    8: lambda picture: np.rot90(picture, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_it_turns_a_photo_upright(orientation, mode):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](quarters()))).convert(mode)
    assert_looks_like(read(jpeg(stored, exif=oriented(orientation))), quarters())


def test_it_turns_a_large_photo_upright():
    large = Image.fromarray(quarters()).resize((3000, 2000))
    data = jpeg(large.transpose(Image.Transpose.ROTATE_90), exif=oriented(6))
    assert_looks_like(read(data), large.resize((1500, 1000)))


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL.TiffImagePlugin")
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00nonsense",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        oriented(6)[:-8],
        oriented(0),
        oriented(9),
        TAGS + struct.pack("<HHHI4sI", 1, 0x112, 2, 2, b"6", 0),  # the text "6"
        TAGS + struct.pack("<HHHIHxxHHII", 2, 0x128, 3, 1, 2, 0x11A, 1, 1, 72) + bytes(4),
        TAGS + b"\xff\xff" + b"\x12\x01\x03\x00" * 9,
    ],
)
def test_broken_exif_leaves_a_photo_as_it_is(exif):
    assert_looks_like(read(jpeg(Image.fromarray(quarters()), exif=exif)), quarters())


# Colours


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A profile in which red means blue and blue means red."""
    named = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}
    profile = bytearray(srgb_profile())
    (tags,) = struct.unpack_from(">I", profile, 128)
    for start in range(132, 132 + 12 * tags, 12):
        name = bytes(profile[start : start + 4])
        profile[start : start + 4] = named.get(name, name)
    return bytes(profile)


def cmyk_profile() -> bytes:
    """A printer that has run out of all inks but black."""
    ramp = bytes(range(256))
    white, black = bytes((255, 128, 128)), bytes((0, 128, 128))  # in Lab
    table = (
        struct.pack(">4s4xBBBx", b"mft1", 4, 3, 2)
        + struct.pack(">9I", *(65536 if i % 4 == 0 else 0 for i in range(9)))
        + 4 * ramp
        + 8 * (white + black)  # the black ink turns fastest
        + 3 * ramp
    )
    header = struct.pack(
        ">I4sI4s4s4s12x4s", 144 + len(table), b"lcms", 0x2400000, b"prtr", b"CMYK", b"Lab ", b"acsp"
    ).ljust(128, b"\x00")
    return header + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def test_a_colour_profile_is_followed():
    photo = read(jpeg(icc_profile=swapped_profile()))
    assert_looks_like(photo, np.asarray(REAL_PHOTO)[..., ::-1])


def test_a_colour_profile_of_more_than_a_megabyte_is_ignored():
    padded = swapped_profile() + bytes(1024 * 1024)
    assert_looks_like(read(jpeg(icc_profile=padded)), REAL_PHOTO)


def test_an_srgb_profile_changes_nothing():
    assert_looks_like(read(jpeg(icc_profile=srgb_profile())), REAL_PHOTO)


def test_a_cmyk_profile_is_followed():
    without_black = REAL_PHOTO.convert("CMYK")
    photo = read(jpeg(without_black, icc_profile=cmyk_profile()))
    assert_looks_like(photo, np.full((180, 240, 3), 255))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(
    "profile",
    [b"nonsense", srgb_profile()[:200], cmyk_profile()[:300], bytes(70_000)],
)
def test_a_broken_colour_profile_is_ignored(mode, profile):
    photo = REAL_PHOTO.convert(mode)
    assert_looks_like(read(jpeg(photo, icc_profile=profile)), photo.convert("RGB"))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_for_other_colours_is_ignored(mode):
    photo = REAL_PHOTO.convert(mode)
    assert_looks_like(read(jpeg(photo, icc_profile=srgb_profile())), photo.convert("RGB"))


# Refused by length and kind


def test_it_refuses_an_empty_file():
    error = refusal(b"")
    assert error.code == "empty_photo"


def test_it_refuses_a_file_above_the_limit_and_takes_one_at_it():
    data = jpeg()
    read(data, max_bytes=len(data))
    error = refusal(data, max_bytes=len(data) - 1)
    assert error.code == "photo_too_large"


def test_it_names_the_limit_in_megabytes():
    error = refusal(bytes(3 * MEGA), max_bytes=5 * 2**19)
    assert error.values == {"limit": 2.5}
    assert "larger than 2.5 MB" in str(error)


def test_the_length_is_looked_at_before_the_content():
    assert refusal(b"not a JPEG", max_bytes=5).code == "photo_too_large"


def saved_as(kind: str) -> bytes:
    stream = BytesIO()
    REAL_PHOTO.save(stream, kind)
    return stream.getvalue()


OTHER_FILES = {
    **{kind: [saved_as(kind)] for kind in ("PNG", "GIF", "TIFF", "BMP", "WebP", "AVIF")},
    "HEIC": [b"\x00\x00\x00\x18ftypheic", b"\x00\x00\x00\x24ftypmif1"],
    "PDF": [b"%PDF-1.7\n"],
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_it_says_which_other_kind_a_file_is(kind):
    for data in OTHER_FILES[kind]:
        error = refusal(data)
        assert error.code == "not_jpeg"
        assert f"is {kind}, not JPEG" in str(error)


@pytest.mark.parametrize("data", [b"x", b"<html>", b"\xff", b"RIFF....WAVE", b"....ftypmp42"])
def test_it_refuses_what_is_not_a_photo(data):
    error = refusal(data)
    assert error.code == "not_jpeg"
    assert "not a JPEG photo" in str(error)


# Refused by its header


def test_it_refuses_too_many_pixels_and_takes_the_most_allowed():
    width, height = REAL_PHOTO.size
    read(jpeg(), max_pixels=width * height)
    error = refusal(jpeg(), max_pixels=width * height - 1)
    assert error.code == "too_many_pixels"


def test_it_names_the_size_and_the_limit_in_megapixels():
    error = refusal(with_size(jpeg(), 50_000, 40_000), max_pixels=25 * MEGA)
    assert "50000 × 40000 pixels, more than the 25 megapixels" in str(error)


def test_too_many_pixels_are_refused_before_they_are_decoded():
    header = jpeg()[: jpeg().index(START_OF_SCAN) + 14]
    assert refusal(with_size(header, 65535, 65535)).code == "too_many_pixels"
    assert refusal(with_size(header, 100, 100)).code == "corrupt_photo"


@pytest.mark.parametrize(("subsampling", "samples"), [(0, 3), (1, 2), (2, 1.5)])
def test_every_sample_of_a_progressive_photo_counts(subsampling, samples):
    data = jpeg(progressive=True, subsampling=subsampling)
    width, height = REAL_PHOTO.size
    needed = int(width * height * samples)
    read(data, max_pixels=needed)
    assert refusal(data, max_pixels=needed - 1).code == "too_many_pixels"


def test_every_sample_of_a_photo_in_several_baseline_scans_counts():
    data = jpeg()
    scan = data.index(START_OF_SCAN)
    only_luminance = START_OF_SCAN + bytes((0, 8, 1, 1, 0, 0, 63, 0))
    data = data[:scan] + only_luminance + data[scan + 14 :]
    width, height = REAL_PHOTO.size
    assert refusal(data, max_pixels=3 * width * height - 1).code == "too_many_pixels"


@pytest.mark.parametrize(("width", "height"), [(0, 100), (100, 0), (0, 0)])
def test_it_refuses_a_photo_without_pixels(width, height):
    assert refusal(with_size(jpeg(), width, height)).code == "corrupt_photo"


def test_it_refuses_a_progressive_photo_of_endless_scans():
    data = jpeg(Image.new("L", (64, 64)), progressive=True)
    scan = data[data.rindex(START_OF_SCAN) : -2]
    repeated = MOST_SCANS - data.count(START_OF_SCAN)
    read(data[:-2] + scan * repeated + END_OF_IMAGE)
    assert refusal(data[:-2] + scan * (repeated + 1) + END_OF_IMAGE).code == "corrupt_photo"


@pytest.mark.parametrize("junk", [b"\xff", b"\0", b"\xff\xd8"])
def test_it_does_not_look_through_megabytes_of_junk_for_a_photo(junk):
    data = jpeg()
    assert refusal(data[:2] + junk * 1_000_000 + data[2:]).code == "corrupt_photo"


def test_it_reads_a_photo_behind_all_that_programs_put_before_it():
    data = jpeg()
    segment = b"\xff\xe2" + struct.pack(">H", 60_000) + bytes(59_998)
    filling = b"\xff" * 1000  # as the standard allows before a marker
    assert read(data[:2] + 160 * segment + filling + data[2:]).shape == (180, 240, 3)


# Refused as damaged

LARGE = REAL_PHOTO.resize((2400, 1800))  # decoded at a reduced size
WHOLE = {
    "baseline": jpeg(),
    "baseline 4:2:0": jpeg(subsampling=2, quality=60),
    "with restart markers": jpeg(restart_marker_rows=1),
    "progressive": jpeg(progressive=True),
    "grayscale": jpeg(REAL_PHOTO.convert("L")),
    "cmyk": jpeg(REAL_PHOTO.convert("CMYK")),
    "large": jpeg(LARGE, quality=50),
    "large progressive": jpeg(LARGE, quality=50, progressive=True),
}


def cuts(data: bytes) -> list[int]:
    """Lengths to cut a file to: in all its parts, and each of the last bytes of its scan."""
    lengths = np.linspace(2, len(data) - 60, 40).astype(int)
    return [*lengths.tolist(), *range(len(data) - 60, len(data) - len(END_OF_IMAGE))]


@pytest.mark.parametrize("kind", WHOLE)
def test_it_refuses_a_photo_that_ends_early(kind):
    """But for the bits that decide nothing that one sees, as the last ones of a scan may be."""
    data = WHOLE[kind]
    whole = read(data)
    taken = []
    for length in cuts(data):
        try:
            picture = read(data[:length])
        except PhotoError as error:
            assert error.code == "corrupt_photo", length
        else:
            assert np.abs(picture.astype(int) - whole).max() <= 4, length
            taken.append(length)
    assert not taken or min(taken) >= len(data) - 4


def test_it_refuses_a_damaged_header():
    data = jpeg()
    header = data.index(START_OF_SCAN)
    for length in range(2, header):
        assert refusal(data[:length] + b"\xff" * 20).code == "corrupt_photo", length


@pytest.mark.parametrize(
    "after",
    [b"more from the phone" * 99, START_OF_SCAN * 500, b"\xff" * 99, WHOLE["progressive"] * 20],
    ids=["text", "what looks like scans", "filling", "photos"],
)
@pytest.mark.parametrize("kind", WHOLE)
def test_what_follows_the_end_of_the_picture_is_not_the_picture(kind, after):
    """The video of a motion photo, for instance."""
    assert np.array_equal(read(WHOLE[kind] + after), read(WHOLE[kind]))


@pytest.mark.parametrize("kind", WHOLE)
def test_a_photo_that_lacks_its_end_marker_alone_is_whole(kind):
    """Also where half of the marker is there, or other bytes in its place."""
    data = WHOLE[kind].removesuffix(END_OF_IMAGE)
    for end in (b"", b"\xff", bytes(1000), b"\xff\xd9"):
        assert np.array_equal(read(data + end), read(WHOLE[kind]))


def test_it_refuses_a_photo_of_endless_segments():
    """A million of them would be looked at for seconds."""
    whole = jpeg().removesuffix(END_OF_IMAGE)
    comment = b"\xff\xfe\x00\x02"
    assert_looks_like(read(whole + 100 * comment + END_OF_IMAGE), REAL_PHOTO)
    assert refusal(whole + 1_000_000 * comment + END_OF_IMAGE).code == "corrupt_photo"


def test_markers_without_a_length_hide_no_scans():
    """Libjpeg skips a TEM; what stands behind it counts."""
    data = jpeg(Image.new("L", (64, 64)), progressive=True)
    scan = data[data.rindex(START_OF_SCAN) : -2]
    hidden = b"\xff\x01\xff\xff" + scan * MOST_SCANS
    assert refusal(data[:-2] + hidden + END_OF_IMAGE).code == "corrupt_photo"


def test_a_run_of_filling_bytes_takes_no_time():
    """Each doubling took four times as long: of a megabyte, hours."""
    data = jpeg().removesuffix(END_OF_IMAGE)
    assert_looks_like(read(data + b"\xff" * 1_000_000 + b"\0" + END_OF_IMAGE), REAL_PHOTO)


@pytest.mark.parametrize("settings", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 4}])
def test_a_photo_that_ends_at_a_restart_marker_is_not_whole(settings):
    data = jpeg(**settings)
    ends = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    for end in ends[:: max(1, len(ends) // 20)]:
        for length in (end, end + 1, end + 2):
            assert refusal(data[:length]).code == "corrupt_photo", length


def test_a_progressive_photo_that_ends_behind_the_tables_of_a_scan_is_not_whole():
    data = WHOLE["progressive"]
    tables = [found.start() for found in re.finditer(b"\xff\xc4", data)]
    assert len(tables) > 4
    for start in tables[1:]:
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        assert refusal(data[:end]).code == "corrupt_photo"


def test_a_marker_inside_a_segment_ends_nothing():
    """Scans behind it are counted."""
    data = jpeg(Image.new("L", (64, 64)), progressive=True)
    scan = data[data.rindex(START_OF_SCAN) : -2]
    comment = b"\xff\xfe\x00\x04" + END_OF_IMAGE
    assert refusal(data[:-2] + comment + scan * MOST_SCANS + END_OF_IMAGE).code == "corrupt_photo"


def test_an_orientation_in_xmp_alone_turns_nothing():
    """Nor do browsers."""
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
        b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    photo = jpeg(Image.fromarray(quarters()), xmp=xmp)
    assert_looks_like(read(photo), quarters())


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL.TiffImagePlugin")
@given(st.data())
def test_it_returns_a_photo_or_a_photo_error_whatever_comes(data):
    exif = {"exif": oriented(6), "icc_profile": srgb_profile()}
    whole = jpeg(REAL_PHOTO.resize((24, 18)), progressive=data.draw(st.booleans()), **exif)
    damaged = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=9)):
        damaged[place] = data.draw(st.integers(0, 255))
    start = data.draw(st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff", bytes(damaged)]))
    try:
        photo = read(start + data.draw(st.binary(max_size=200)), max_pixels=MEGA)
    except PhotoError:
        return
    assert photo.dtype == np.uint8
    assert photo.ndim == 3


# What it says


def test_an_error_is_a_code_and_a_sentence_in_english():
    error = refusal(bytes(9 * MEGA), max_bytes=2**20)
    assert (error.code, error.values) == ("photo_too_large", {"limit": 1.0})
    assert str(error).startswith("This photo is larger than 1 MB. Make it smaller, or save it")
    assert str(refusal(b"")) == "This file is empty. Choose another photo."


@pytest.mark.parametrize(
    ("amount", "shown"), [(10.0, 10), (1.26, 1.3), (0.0977, 0.098), (0.5, 0.5), (33.33, 33.3)]
)
def test_a_limit_is_never_said_to_be_nothing(amount: float, shown: float) -> None:
    assert rounded(amount) == shown
