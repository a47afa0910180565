"""Which boxes of a detector are kept, as regions, and what a decoder is shown of each.

The detector's graph gives every box it thought of (SSD, Liu et al. 2016); which are kept, and the
pooling of the CNN's map under each, are a few small products that need no graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from app.captioning.grounding import Box, Region

PHOTO_SIZE = 300
"""Height and width, in pixels, of the photos that the detector takes."""
REGIONS = 10
"""Most that are kept of a photo."""
SCORE = 0.3
"""Least of a region that is kept."""
OVERLAP = 0.6
"""Of two boxes of one class that overlap more (intersection over union), the surer is kept: as the
detector's own graph does."""
SAMPLES = 4
"""Points along each edge of a box at which the map is read."""
GRIDS = (19, 10, 5, 3, 2, 1)
"""Cells along each edge of the maps that boxes are found on."""
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
"""Size of a square anchor on each of them, as a share of the photo, and of the one after."""
RATIOS = (1.0, 2.0, 0.5, 3.0, 1 / 3)
"""Width by height of the anchors of a cell."""
ENCODED_TIMES = (10.0, 10.0, 5.0, 5.0)
"""What the numbers of a box's encoding were multiplied by: centre y and x, height, width."""
CHANNELS = 1280
"""Of the CNN's last map."""
ROW = CHANNELS + 7
"""Numbers that a decoder is given of a region: the features under it, left, top, right, bottom,
area, score, and its class, counted from 1."""


@dataclass(frozen=True)
class Detections:
    """What the detector's graph gives of a photo."""

    encodings: np.ndarray
    """float32 (boxes, 4): how each box differs from its anchor"""
    scores: np.ndarray
    """float32 (boxes, classes), each 0 to 1 by itself"""
    map: np.ndarray
    """float32 (side, side, channels): the CNN's last map"""

    def boxes(self) -> np.ndarray:
        """float32 (boxes, 4): left, top, right, bottom as shares of the photo, also beyond its
        edges (Ren et al. 2015, section 3.1.2)."""
        middles, sizes = np.split(anchors(), 2, axis=1)
        shifts, stretches = np.split(self.encodings / ENCODED_TIMES, 2, axis=1)
        middles, sizes = middles + shifts * sizes, sizes * np.exp(stretches)
        return np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)[:, [1, 0, 3, 2]]


@dataclass(frozen=True)
class Found:
    """The regions of a photo that are kept, the surest first."""

    boxes: np.ndarray
    """float32 (n, 4), within the photo"""
    scores: np.ndarray
    """float32 (n,)"""
    classes: np.ndarray
    """int (n,): places in the detector's list of classes"""
    features: np.ndarray
    """float32 (n, channels), from RoI align"""

    def regions(self, names: Sequence[str]) -> tuple[Region, ...]:
        """For people.

        Args:
            names: of the detector's classes.
        """
        return tuple(
            Region(Box(*map(float, box)), names[kind], float(score))
            for box, score, kind in zip(self.boxes, self.scores, self.classes, strict=True)
        )

    def pack(self) -> np.ndarray:
        """For a decoder: float32 (REGIONS, ROW), a row a region, rows of 0 after the last."""
        packed = np.zeros((REGIONS, ROW), np.float32)
        area = np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=1)
        packed[: len(area)] = np.column_stack(
            [self.features, self.boxes, area, self.scores, self.classes + 1]
        )
        return packed


def non_maximum_suppression(
    detections: Detections, least: float = SCORE, most: int = REGIONS
) -> Found:
    """The surest regions, each class's without those that nearly cover one another.

    Args:
        least: of their scores.
        most: so many are kept. No more than REGIONS can be packed.
    """
    candidates = np.argwhere(detections.scores > least)
    scores = detections.scores[tuple(candidates.T)]
    boxes = np.clip(detections.boxes(), 0, 1)
    kept: list[tuple[int, int]] = []
    for box, kind in candidates[np.argsort(-scores, kind="stable")]:
        same = boxes[[other for other, theirs in kept if theirs == kind]]
        if not (overlaps(boxes[box], same) > OVERLAP).any():
            kept.append((box, kind))
        if len(kept) == most:
            break
    places, classes = np.array(kept, int).reshape(-1, 2).T
    return Found(
        boxes[places],
        detections.scores[places, classes],
        classes,
        roi_align(detections.map, boxes[places]),
    )


@cache
def anchors() -> np.ndarray:
    """The boxes that encodings are differences from (Liu et al. 2016, section 2.2), float32
    (boxes, 4): centre y and x, height, width."""
    found = []
    for nth, grid in enumerate(GRIDS):
        scale, after = SCALES[nth : nth + 2]
        if nth == 0:  # fewer there, for the cells are many
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        else:
            shapes = [(scale, ratio) for ratio in RATIOS] + [(np.sqrt(scale * after), 1.0)]
        middles = (np.arange(grid) + 0.5) / grid
        sizes = [(size / np.sqrt(ratio), size * np.sqrt(ratio)) for size, ratio in shapes]
        found += [(y, x, *size) for y in middles for x in middles for size in sizes]
    return np.array(found, np.float32)


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) with each of others (n, 4); 0 where both are empty."""
    least, most = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(most - least, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return shared / np.maximum(areas - shared, 1e-9)


def roi_align(cells: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The mean of a map under each box, read between its cells (He et al. 2017, section 3).

    Args:
        cells: float32 (height, width, n).
        boxes: float32 (boxes, 4), shares of the map.

    Returns:
        float32 (boxes, n)
    """
    height, width, _ = cells.shape
    across = _reading(boxes[:, 0], boxes[:, 2], width)
    down = _reading(boxes[:, 1], boxes[:, 3], height)
    weights = down[:, :, None] * across[:, None, :]
    return weights.reshape(-1, height * width) @ cells.reshape(height * width, -1)


def _reading(first: np.ndarray, last: np.ndarray, cells: int) -> np.ndarray:
    """How much each cell along one axis counts, (boxes, cells): of points spread evenly from first
    to last (shares), each shared between the two cells whose middles it lies between."""
    spread = (np.arange(SAMPLES) + 0.5) / SAMPLES
    points = (first[:, None] + (last - first)[:, None] * spread) * cells - 0.5
    points = np.clip(points, 0, cells - 1)
    near = np.maximum(0, 1 - np.abs(points[:, :, None] - np.arange(cells)))
    return near.mean(axis=1).astype(np.float32)
