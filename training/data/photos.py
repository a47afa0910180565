"""The photos of a dataset, which nobody needs to be protected from."""

from __future__ import annotations

import numpy as np

from app.photos import read_photo
from app.photos.kinds import available

NO_LIMIT = 1 << 40


def upright(photo: bytes) -> np.ndarray:
    """A photo of any size as the service reads it, uint8 RGB (height, width, 3). Raises
    PhotoError."""
    return read_photo(photo, NO_LIMIT, NO_LIMIT, available())
