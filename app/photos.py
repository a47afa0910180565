"""Uploaded bytes → an upright RGB array, or a `PhotoError` that says what to do.

Nothing here trusts the upload: its kind is told by its content, its size by its header before a
pixel is decoded, and what Pillow raises on hostile data comes out as a `PhotoError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

from app.errors import N_, PublicError

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

MiB = 1024 * 1024

START_OF_IMAGE = b"\xff\xd8"
START_OF_SCAN = b"\xff\xda"
END_OF_IMAGE = b"\xff\xd9"

NEXT_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
"""One that a length follows, or the end. In compressed data 255 stands only before 0 and in restart
markers."""

RESTARTS = tuple(
    b"\x55" * 4096
    + b"".join(bytes((255, 0xD0 + (first + nth) % 8)) + b"\x55" * 64 for nth in range(8))
    for first in (0, 4)
)
FILLINGS = (b"", *RESTARTS)
"""For compressed data that ends early: libjpeg itself puts zeros there, and looks for the next
restart marker, or for the one after it."""

DECODED_PIXELS = 2_000_000
"""The most that are decoded, of photos up to 64 times as large. At least a quarter of it is left of
a photo that had more: ten times what a model looks at, and below 20 MB of memory."""

DECODER_SCALES = (1, 2, 4, 8)
"""What libjpeg divides both sides by while it decodes, for a fraction of the memory and time."""

MOST_SCANS = 100
"""Encoders write about ten. Each costs a pass over the whole photo, yet need only be a few bytes
long: without a limit a small file keeps the server busy for an hour."""

MOST_SEGMENTS = 1000
"""Between and behind the scans of a photo. Encoders write a table or two before each scan."""

MOST_READS = 10_000
"""Of pieces of a file: three for each segment of a header, one for each 64 kB of what follows.
Where a header has junk instead, Pillow looks for its end byte by byte: 9 MB of it took 11 s."""

MOST_PROFILE_BYTES = 1024 * 1024
"""Of a colour profile; those of cameras and screens have a few kB. The latest are kept."""

OTHER_FORMATS = {
    "PNG": (b"\x89PNG",),
    "GIF": (b"GIF8",),
    "TIFF": (b"II*\x00", b"MM\x00*"),
    "BMP": (b"BM",),
    "PDF": (b"%PDF",),
}
"""How files that people take for photos begin."""

OTHER_BRANDS = {
    b"WEBP": "WebP",
    b"avif": "AVIF",
    b"avis": "AVIF",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"), "HEIC"),
}
"""Kinds named by bytes 8 to 12 of a file, after a length and "RIFF" or "ftyp"."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What puts a photo upright, by its EXIF orientation."""


class PhotoError(PublicError):
    """Why a photo was refused."""


class EmptyPhoto(PhotoError):
    code = "empty_photo"
    message = N_("This file is empty. Choose another photo.")


class PhotoTooLarge(PhotoError):
    """Also of photos that are not read, because their length alone says it."""

    code = "photo_too_large"
    message = N_(
        "This photo is larger than %(limit)g MB. Make it smaller, or save it at a lower "
        "quality, and send it again."
    )

    def __init__(self, max_bytes: int):
        super().__init__(limit=megabytes(max_bytes))


class TooManyPixels(PhotoError):
    code = "too_many_pixels"
    message = N_(
        "This photo has %(width)d × %(height)d pixels, more than the %(limit)g megapixels "
        "that can be read. Make it smaller and send it again."
    )


class NotJpeg(PhotoError):
    code = "not_jpeg"
    message = N_("This file is not a JPEG photo. Save or export the photo as JPEG and send that.")


class OtherFormat(NotJpeg):
    message = N_(
        "This file is %(format)s, not JPEG. Save or export the photo as JPEG and send that."
    )


class CorruptPhoto(PhotoError):
    code = "corrupt_photo"
    message = N_(
        "This photo is damaged or incomplete. Open it on your device, save it as JPEG again, "
        "and send the new file."
    )


def read_photo(data: bytes, max_bytes: int, max_pixels: int) -> np.ndarray:
    """A JPEG file as the upright picture it shows, in sRGB.

    Large photos come at a half, a quarter or an eighth of their size (see DECODED_PIXELS). EXIF
    orientation and colour profiles are followed; broken ones are ignored. Of several pictures in
    one file (MPO) it takes the first.

    Args:
        data: the whole file.
        max_bytes: the longest file that is read.
        max_pixels: the most pixels, width times height. Where the decoder must keep a whole photo
            (progressive files), every sample counts: two thirds of that for the usual 4:2:0, a
            third for 4:4:4. Decoding then needs at most 2 bytes of memory a pixel allowed.

    Returns:
        uint8 RGB, (height, width, 3).

    Raises:
        PhotoError: and nothing else. A file that ends before its last row is refused; what follows
            the picture is not looked at. Damage inside the compressed data mostly is not refused:
            libjpeg fills in grey or wrong colours and says nothing.
    """
    _check_file(data, max_bytes)
    with _refusing_what_pillow_refuses():
        photo, limit = _open(data, max_pixels)
        ends = _ends(data, photo.first_scan)
    if photo.width * photo.height > limit:
        megapixels = rounded(limit / 1e6)
        raise TooManyPixels(width=photo.width, height=photo.height, limit=megapixels)
    with _refusing_what_pillow_refuses():
        return _decode(photo) if ends else _complete(data)


def megabytes(size: int) -> float:
    return rounded(size / MiB)


def rounded(amount: float) -> float:
    """To a tenth, or, below 1, to two digits that count: for sentences."""
    return round(amount, 1) if amount >= 1 else float(f"{amount:.2g}")


def _check_file(data: bytes, max_bytes: int) -> None:
    if not data:
        raise EmptyPhoto
    if len(data) > max_bytes:
        raise PhotoTooLarge(max_bytes)
    if data.startswith(START_OF_IMAGE):
        return
    other = _other_format(data)
    raise OtherFormat(format=other) if other else NotJpeg


def _other_format(data: bytes) -> str | None:
    for name, starts in OTHER_FORMATS.items():
        if data.startswith(starts):
            return name
    if data[:4] == b"RIFF" or data[4:8] == b"ftyp":
        return OTHER_BRANDS.get(data[8:12])
    return None


@contextmanager
def _refusing_what_pillow_refuses() -> Iterator[None]:
    # Everything: on hostile data Pillow raises OSError, SyntaxError, ValueError, struct.error,
    # MemoryError and more.
    try:
        yield
    except Exception as error:
        raise CorruptPhoto from error


class _Stream(BytesIO):
    left = MOST_READS

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many pieces")
        return super().read(size)


class _Jpeg(JpegImageFile):
    first_scan = 0
    """Where its compressed data begins."""

    def _read_dpi_from_exif(self) -> None:
        """Does nothing: no one asks for the resolution, and with broken EXIF it may fail."""


def _open(data: bytes, max_pixels: int) -> tuple[_Jpeg, float]:
    """The photo, not yet decoded, and how many pixels it may have."""
    stream = _Stream(data)
    # Not Image.open(): it has a pixel limit of its own, and follows the other pictures of an MPO.
    photo = _Jpeg(stream)
    photo.first_scan = stream.tell()
    if _has_one_scan(photo, data, photo.first_scan):
        return photo, max_pixels
    samples = [horizontal * vertical for _, horizontal, vertical, _ in photo.layer]
    return photo, max_pixels * max(samples) / sum(samples)


def _has_one_scan(photo: JpegImageFile, data: bytes, first_scan: int) -> bool:
    """Whether the decoder can go row by row. Otherwise it keeps 2 bytes for every sample."""
    components = len(photo.layer)
    length = 6 + 2 * components
    header = START_OF_SCAN + bytes((0, length, components))
    starts_so = data.startswith(header, first_scan - len(START_OF_SCAN) - length)
    return starts_so and "progressive" not in photo.info


def _ends(data: bytes, first_scan: int) -> bool:
    """Whether the picture has its end marker. Raises ValueError where decoding it takes too long.

    What follows it, such as the video of a motion photo, is not looked at.
    """
    place, scans, marker = first_scan, 1, START_OF_SCAN
    for _ in range(MOST_SEGMENTS):
        found = NEXT_MARKER.search(data, place)
        if not found and marker != START_OF_SCAN:
            raise ValueError("the scan is missing that its last tables are for")
        if not found:
            return False
        marker, place = b"\xff" + found[1], found.end()
        if marker == END_OF_IMAGE:
            return True
        scans += marker == START_OF_SCAN
        if scans > MOST_SCANS:
            break
        place += int.from_bytes(data[place : place + 2], "big")
    raise ValueError("too many scans or segments")


def _complete(data: bytes) -> np.ndarray:
    """The picture of a file without an end marker. Raises ValueError where rows are missing too:
    then they depend on what is put in their place."""
    begun = data.rstrip(b"\xff")  # half a marker would make one of what follows
    first, *others = (_decode(_open(begun + one + END_OF_IMAGE, 0)[0]) for one in FILLINGS)
    if not all(np.array_equal(first, other) for other in others):
        raise ValueError("rows are missing")
    return first


def _decode(photo: JpegImageFile) -> np.ndarray:
    width, height = photo.size
    scale = _decoder_scale(width * height)
    photo.draft(None, (width // scale, height // scale))
    picture = _in_srgb(photo)
    turn = _turn(photo)
    return np.array(picture if turn is None else picture.transpose(turn))


def _decoder_scale(pixels: int) -> int:
    fitting = (scale for scale in DECODER_SCALES if pixels <= DECODED_PIXELS * scale**2)
    return next(fitting, DECODER_SCALES[-1])


def _in_srgb(photo: JpegImageFile) -> Image.Image:
    photo.load()
    profile = photo.info.get("icc_profile")
    if profile and len(profile) <= MOST_PROFILE_BYTES:
        # A profile may be broken, or be for another kind of colours than the photo has.
        with suppress(Exception):
            into_srgb = _into_srgb(profile, photo.mode)
            if into_srgb:
                return into_srgb.apply(photo)
    return photo.convert("RGB")


@lru_cache(maxsize=4)
def _into_srgb(profile: bytes, mode: str) -> ImageCmsTransform | None:
    """None where it would change no colour by more than one level of 255: most profiles are sRGB's.

    Kept, for to make it takes longer than to decode a photo, and most photos have one of few.
    """
    # Loaded only where a photo needs it.
    from PIL import ImageChops, ImageCms

    own, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(own, srgb, mode, "RGB")
    if mode == "RGB":
        colours = _every_colour()
        changes = ImageChops.difference(transform.apply(colours), colours)
        if np.asarray(changes).max() <= 1:
            return None
    return transform


def _every_colour() -> Image.Image:
    """Every 17th level of each colour with every of the others."""
    levels = 17 * np.indices((16, 16, 16), np.uint8)
    return Image.fromarray(levels.reshape(3, 64, 64).transpose(1, 2, 0))


def _turn(photo: JpegImageFile) -> Image.Transpose | None:
    exif = Image.Exif()
    with suppress(Exception):  # no EXIF, or broken EXIF
        # Not getexif(): it also follows an orientation in XMP, which browsers do not.
        exif.load(photo.info["exif"])
        return TURNS.get(exif[ExifTags.Base.Orientation])
    return None
