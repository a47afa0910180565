"""The colour of an object on a photo, in a word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.captioning.grounding import Box


class Colour(NamedTuple):
    en: str
    zh: str
    samples: tuple[tuple[int, int, int], ...]
    """RGB, 0 to 255: what this colour looks like in the light, in the shade."""


# The eleven basic colours of Berlin and Kay, which languages as far apart as these two share.
_COLOURS = (
    Colour("black", "黑色", ((10, 10, 10), (55, 54, 56))),
    Colour("white", "白色", ((250, 250, 250), (200, 198, 195))),
    Colour("grey", "灰色", ((90, 90, 90), (135, 135, 135))),
    Colour("red", "红色", ((215, 30, 35), (130, 20, 25))),
    Colour("orange", "橙色", ((245, 130, 20), (255, 165, 30))),
    Colour("yellow", "黄色", ((250, 225, 60), (215, 180, 20))),
    Colour("green", "绿色", ((50, 150, 50), (110, 170, 60), (40, 75, 35), (60, 225, 60))),
    Colour("blue", "蓝色", ((30, 70, 190), (100, 165, 225), (25, 40, 90), (150, 210, 240))),
    Colour("purple", "紫色", ((120, 50, 150),)),
    Colour("pink", "粉色", ((240, 140, 185), (255, 195, 210))),
    Colour("brown", "棕色", ((125, 75, 40), (70, 45, 35), (185, 145, 105), (110, 88, 70))),
)
_CLEAR = 0.5
"""The share of an object's pixels that must agree on a colour."""
_GRID = 48
"""An object's colour is judged by so many pixels a side."""


def colour_of(box: Box, photo: np.ndarray) -> Colour | None:
    """An object's colour, or None where it is not clear: where it has several, or what surrounds it
    has the same, as where the grass is seen through a bicycle."""
    rows, columns = _grid(_resized(box, 0.5), photo)
    colour = _prevailing(photo[np.ix_(rows, columns)].reshape(-1, 3))
    rows, columns = _grid(_resized(box, 1.5), photo)
    height, width = photo.shape[:2]
    outside = ~np.logical_and.outer(
        (rows >= box.top * height) & (rows < box.bottom * height),
        (columns >= box.left * width) & (columns < box.right * width),
    )
    surroundings = photo[np.ix_(rows, columns)][outside]
    if colour is not None and len(surroundings) and _prevailing(surroundings) == colour:
        return None
    return colour


def _resized(box: Box, factor: float) -> Box:
    """A box about the same centre, as far as it lies on the photo."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    half_width, half_height = factor * (box.right - x), factor * (box.bottom - y)
    return Box(
        max(x - half_width, 0.0),
        max(y - half_height, 0.0),
        min(x + half_width, 1.0),
        min(y + half_height, 1.0),
    )


def _grid(box: Box, photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns spread over a box."""
    height, width = photo.shape[:2]
    rows = np.linspace(box.top * height, box.bottom * height, _GRID, endpoint=False)
    columns = np.linspace(box.left * width, box.right * width, _GRID, endpoint=False)
    return rows.astype(int).clip(0, height - 1), columns.astype(int).clip(0, width - 1)


def _prevailing(pixels: np.ndarray) -> Colour | None:
    """The colour of most of some pixels, uint8 RGB (n, 3), n at least 1."""
    samples = [(sample, colour) for colour in _COLOURS for sample in colour.samples]
    looks = _oklab(np.array([sample for sample, _ in samples]))
    nearest = np.square(_oklab(pixels)[:, None] - looks).sum(axis=2).argmin(axis=1)
    votes = np.bincount(nearest, minlength=len(samples)) / len(pixels)
    for colour in _COLOURS:
        if sum(votes[i] for i, (_, named) in enumerate(samples) if named is colour) > _CLEAR:
            return colour
    return None


def _oklab(rgb: np.ndarray) -> np.ndarray:
    """RGB, 0 to 255 (n, 3), where distances are as large as they look (Ottosson 2020), (n, 3)."""
    linear = (rgb / 255) ** 2.2
    cones = linear @ np.array(
        [[0.4122, 0.2119, 0.0883], [0.5363, 0.6807, 0.2817], [0.0514, 0.1074, 0.6300]]
    )
    return np.cbrt(cones) @ np.array(
        [[0.2105, 1.9780, 0.0259], [0.7936, -2.4286, 0.7828], [-0.0041, 0.4506, -0.8087]]
    )
