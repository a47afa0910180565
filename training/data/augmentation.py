"""Augmentations of a photo: itself, its mirror image, and crops."""

from __future__ import annotations

import cv2
import numpy as np

PHOTO_SIZE = 224
"""Height and width of the photos that encoders are given."""
SMALLEST_CROP = 0.75


def augment(photo: np.ndarray, index: int, seed: str) -> np.ndarray:
    """A photo as training sees it: 0 as it is, 1 mirrored, 2… a random crop, mirrored or not.

    Args:
        photo: uint8 RGB (size, size, 3).
        index: which augmentation.
        seed: makes the crops of different photos differ, and each the same in every run.

    Returns:
        uint8 RGB (size, size, 3).
    """
    if index == 0:
        return photo
    if index == 1:
        return _mirrored(photo)
    random = np.random.default_rng([index, *seed.encode()])
    size = len(photo)
    width, height = (size * random.uniform(SMALLEST_CROP, 1.0, size=2)).astype(int)
    left = random.integers(size - width + 1)
    top = random.integers(size - height + 1)
    crop = photo[top : top + height, left : left + width]
    # Crops are only ever enlarged: nothing needs to be smoothed before.
    enlarged = cv2.resize(crop, (size, size), interpolation=cv2.INTER_CUBIC)
    return _mirrored(enlarged) if random.random() < 0.5 else enlarged


def _mirrored(photo: np.ndarray) -> np.ndarray:
    return cv2.flip(photo, 1)
