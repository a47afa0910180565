"""Real photos, which scikit-image ships."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import skimage.data
from PIL import Image

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def photo(name: str) -> np.ndarray:
    """uint8 RGB (height, width, 3). Besides NAMES there is "motorcycle"."""
    if name == "motorcycle":
        return skimage.data.stereo_motorcycle()[0]  # as the left of two eyes sees it
    return getattr(skimage.data, name)()


def squashed(name: str, size: int = 224) -> np.ndarray:
    """uint8 RGB (size, size, 3)."""
    resized = Image.fromarray(photo(name)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def jpeg(name: str) -> bytes:
    buffer = BytesIO()
    Image.fromarray(photo(name)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
