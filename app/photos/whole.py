"""Photos of the kinds that are decoded whole: PNG, WebP, AVIF and HEIC."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from app.photos import avif
from app.photos.colours import in_srgb, upright
from app.photos.kinds import JPEG, KINDS, Kind
from app.photos.pieces import Pieces
from app.photos.sizes import SCALES, check_pixels, scale_of

# Texts in a PNG are kept as they are unpacked: 64 MB, if one lets them.
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 1024 * 1024

STRIP = 262_144
"""Pixels that are worked on at a time, in whole rows: a copy of all would double the memory."""


def read_whole(data: bytes, kind: Kind, max_pixels: int) -> np.ndarray:
    """As app.photos.read_photo() gives it, of the first frame, transparent parts on white. Raises
    TooManyPixels, and what Pillow raises on hostile data, which is anything."""
    most = max_pixels * JPEG[0].memory / kind.memory
    if kind is KINDS["avif"]:
        for size in avif.sizes(data):
            check_pixels(size, most)
        data = avif.still(data)
    photo = _file_type(kind)(Pieces(data))
    check_pixels(photo.size, most)
    photo.load()
    picture = in_srgb(_reduced(photo), photo.info.get("icc_profile"))
    # A WebP is not turned by browsers.
    turned = kind is not KINDS["webp"]
    return np.array(upright(picture, photo.info.get("exif") if turned else None))


def _file_type(kind: Kind) -> Any:
    """What reads it. Each is loaded where it is needed: HEIC's needs 10 MB."""
    if kind is KINDS["png"]:
        return PngImagePlugin.PngImageFile
    if kind is KINDS["webp"]:
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile
    if kind is KINDS["avif"]:
        from PIL.AvifImagePlugin import AvifImageFile

        return AvifImageFile
    from pillow_heif import HeifImageFile

    return HeifImageFile


def _reduced(photo: Image.Image) -> Image.Image:
    """Smaller by scale_of(), in mode L or RGB."""
    scale = scale_of(photo)
    width, height = (-(-side // scale) for side in photo.size)
    reduced: Image.Image | None = None
    rows = max(1, STRIP // photo.width // SCALES[-1]) * SCALES[-1]
    for top in range(0, photo.height, rows):
        strip = photo.crop((0, top, photo.width, min(top + rows, photo.height)))
        part = _opaque(strip).reduce(scale)
        reduced = reduced or Image.new(part.mode, (width, height))
        reduced.paste(part, (0, top // scale))
    if reduced is None:
        raise ValueError("no rows")
    return reduced


def _opaque(picture: Image.Image) -> Image.Image:
    """In mode L or RGB, on white."""
    if picture.mode.startswith("I"):  # 16 bits, of which convert() would take the lower eight
        values = np.asarray(picture)
        grey = (values >> 8).astype(np.uint8)
        grey[values == picture.info.get("transparency", -1)] = 255
        return Image.fromarray(grey)
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
