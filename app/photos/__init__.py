"""Uploaded bytes → an upright RGB array, or a `PhotoError` that says what to do.

Nothing here trusts the upload: its kind is told by its content, its size by its header before a
pixel is decoded, and what Pillow raises on hostile data comes out as a `PhotoError`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.photos.errors import (
    CorruptPhoto,
    EmptyPhoto,
    NoPhoto,
    OtherKind,
    PhotoError,
    PhotoTooLarge,
    titles,
)
from app.photos.jpeg import read_jpeg
from app.photos.kinds import JPEG, Kind, title_of


def read_photo(
    data: bytes, max_bytes: int, max_pixels: int, kinds: Sequence[Kind] = JPEG
) -> np.ndarray:
    """A file as the upright picture it shows, in sRGB.

    Large photos come at a half, a quarter or an eighth of their size (app/photos/sizes.py). EXIF
    orientation and colour profiles are followed; broken ones are ignored. Of several pictures in
    one file it takes the first.

    Args:
        data: the whole file.
        max_bytes: the longest file that is read.
        max_pixels: the most pixels, width times height, of a JPEG. Where the decoder must keep a
            whole photo (progressive files), every sample counts: two thirds of that for the usual
            4:2:0, a third for 4:4:4. Of other kinds fewer, by Kind.memory. Decoding then needs at
            most 2 bytes of memory a pixel allowed.
        kinds: those that are taken.

    Returns:
        uint8 RGB, (height, width, 3).

    Raises:
        PhotoError: and nothing else. A file that ends before its last row is refused; what follows
            the picture is not looked at. Damage inside the compressed data mostly is not refused:
            libjpeg fills in grey or wrong colours and says nothing.
    """
    kind = _kind(data, max_bytes, kinds)
    try:
        if kind in JPEG:
            return read_jpeg(data, max_pixels)
        from app.photos.whole import read_whole  # which most servers never need

        return read_whole(data, kind, max_pixels)
    except PhotoError:
        raise
    # Everything: on hostile data Pillow raises OSError, SyntaxError, ValueError, struct.error,
    # MemoryError and more.
    except Exception as error:
        raise CorruptPhoto from error


def _kind(data: bytes, max_bytes: int, kinds: Sequence[Kind]) -> Kind:
    if not data:
        raise EmptyPhoto
    if len(data) > max_bytes:
        raise PhotoTooLarge(max_bytes)
    title = title_of(data)
    for kind in kinds:
        if kind.title == title:
            return kind
    if title in (None, "JPEG"):
        raise NoPhoto(kinds=titles(kinds))
    raise OtherKind(format=title, kinds=titles(kinds))
