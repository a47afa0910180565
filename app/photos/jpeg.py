"""JPEG files, decoded by libjpeg at the size that is needed.

A camera's photo comes at a half, a quarter or an eighth of its size, for a fraction of the memory.
"""

from __future__ import annotations

import re

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from app.photos.colours import in_srgb, upright
from app.photos.pieces import Pieces
from app.photos.sizes import check_pixels, scale_of

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

MOST_SCANS = 100
"""Encoders write about ten. Each costs a pass over the whole photo, yet need only be a few bytes
long: without a limit a small file keeps the server busy for an hour."""

MOST_SEGMENTS = 1000
"""Between and behind the scans of a photo. Encoders write a table or two before each scan."""


def read_jpeg(data: bytes, max_pixels: int) -> np.ndarray:
    """As app.photos.read_photo() gives it. Raises TooManyPixels, and what Pillow raises on hostile
    data, which is anything."""
    photo, most = _open(data, max_pixels)
    ends = _ends(data, photo.first_scan)
    check_pixels(photo.size, most)
    return _decode(photo) if ends else _complete(data)


class _Jpeg(JpegImageFile):
    first_scan = 0
    """Where its compressed data begins."""

    def _read_dpi_from_exif(self) -> None:
        """Does nothing: no one asks for the resolution, and with broken EXIF it may fail."""


def _open(data: bytes, max_pixels: int) -> tuple[_Jpeg, float]:
    """The photo, not yet decoded, and how many pixels it may have."""
    stream = Pieces(data)
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
    scale = scale_of(photo)
    photo.draft(None, (photo.width // scale, photo.height // scale))
    photo.load()
    picture = in_srgb(photo, photo.info.get("icc_profile"))
    return np.array(upright(picture, photo.info.get("exif")))
