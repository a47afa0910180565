"""Makes a detector ready to serve, calibrated on the photos of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from app.captioning.captioner import squash
from app.captioning.detector import PHOTO_SIZE
from training.data.datasets import open_split
from training.data.photos import upright
from training.encoders.detector import Detector, convert_detector, differences

CALIBRATION_PHOTOS = 200
COMPARED_PHOTOS = 100


def write_detector(graph: Path, dataset: Path, out: Path) -> Detector:
    """Writes the converted detector, calibrated on a dataset's training photos, and returns the
    original.

    Raises:
        DatasetError: there is no such dataset.
        FileNotFoundError: there is no such graph.
        ValueError: it is none of a detector.
    """
    detector = Detector(graph)
    photos = islice(_photos(dataset), CALIBRATION_PHOTOS)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(convert_detector(detector, photos))
    return detector


def convert_and_compare(graph: Path, dataset: Path, out: Path) -> dict[str, float]:
    """Writes the converted detector, and returns its size in MB and differences() on training
    photos that did not calibrate it. Raises as write_detector() does."""
    detector = write_detector(graph, dataset, out)
    others = islice(_photos(dataset), CALIBRATION_PHOTOS, CALIBRATION_PHOTOS + COMPARED_PHOTOS)
    return {"MB": out.stat().st_size / 1e6, **differences(detector, out, others)}


def _photos(dataset: Path) -> Iterator[np.ndarray]:
    """The training photos, uint8 (PHOTO_SIZE, PHOTO_SIZE, 3)."""
    for example in open_split(dataset, "train"):
        yield np.asarray(squash(upright(example.photo), PHOTO_SIZE))
