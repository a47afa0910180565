"""What a picture's metadata say of its colours and of which way is up."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

MOST_PROFILE_BYTES = 1024 * 1024
"""Of a colour profile; those of cameras and screens have a few kB. The latest are kept."""

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


def in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """In mode RGB. A profile may be broken, or be for another kind of colours than the picture has:
    then it is ignored."""
    if profile and len(profile) <= MOST_PROFILE_BYTES:
        with suppress(Exception):
            into_srgb = _into_srgb(profile, picture.mode)
            if into_srgb:
                return into_srgb.apply(picture)
    return picture.convert("RGB")


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


def upright(picture: Image.Image, exif: bytes | None) -> Image.Image:
    """Turned as its EXIF says, where there is any and it is not broken."""
    turn = None
    with suppress(Exception):
        # Not getexif(): it also follows an orientation in XMP, which browsers do not.
        read = Image.Exif()
        read.load(exif or b"")
        turn = TURNS.get(read[ExifTags.Base.Orientation])
    return picture if turn is None else picture.transpose(turn)
