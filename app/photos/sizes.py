"""How much of a photo is decoded, and which are too large for that."""

from __future__ import annotations

from PIL import Image

from app.photos.errors import TooManyPixels

DECODED_PIXELS = 2_000_000
"""The most that are kept, of photos up to 64 times as large. At least a quarter of it is left of
a photo that had more: ten times what a model looks at, and below 20 MB of memory."""

SCALES = (1, 2, 4, 8)
"""What both sides are divided by, which libjpeg does while it decodes."""


def scale_of(photo: Image.Image) -> int:
    """Which of SCALES leaves DECODED_PIXELS or fewer, else the largest."""
    pixels = photo.width * photo.height
    fitting = (scale for scale in SCALES if pixels <= DECODED_PIXELS * scale**2)
    return next(fitting, SCALES[-1])


LONGEST_SIDE = 65_535
"""Of a JPEG, and so of others: what is one row, or one column, cannot be made smaller."""


def check_pixels(size: tuple[int, int], most: float) -> None:
    """Raises TooManyPixels."""
    width, height = size
    if width * height > most or max(size) > LONGEST_SIDE:
        raise TooManyPixels(width, height, most)
