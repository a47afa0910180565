"""Views of a photo: itself, its mirror image, and crops."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

PHOTO_SIZE = 224
SMALLEST_CROP = 0.75


def view(photo: Image.Image, index: int, seed: str) -> Image.Image:
    """A photo as training sees it: 0 as it is, 1 mirrored, 2… a random crop, mirrored or not.

    Args:
        photo: RGB, PHOTO_SIZE in height and width.
        index: which view.
        seed: makes the crops of different photos differ, and each the same in every run.
    """
    if index == 0:
        return photo
    if index == 1:
        return ImageOps.mirror(photo)
    random = np.random.default_rng([index, *seed.encode()])
    width, height = (photo.width * random.uniform(SMALLEST_CROP, 1.0, size=2)).astype(int)
    left = random.integers(photo.width - width + 1)
    top = random.integers(photo.height - height + 1)
    cropped = photo.resize(
        photo.size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height)
    )
    return ImageOps.mirror(cropped) if random.random() < 0.5 else cropped
