"""Gives a checkpoint a detector, so that its captions can point at what they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.captioning.checkpoint import DETECTOR, MANIFEST, open_checkpoint, sha256
from app.captioning.detector import PHOTO_SIZE
from app.captioning.engines.litert import Graph, detections_of
from app.captioning.objects import objects
from training.saving import edited_json, save_copy


def add_detector(folder: Path, detector: Path) -> None:
    """Adds it to a checkpoint whose decoders do without one.

    Args:
        detector: a .tflite of training.encoders.detector.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        ValueError: its decoders need the detector that it has, or the other is none.
    """
    if any(model.visual_words for model in open_checkpoint(folder).languages.values()):
        raise ValueError(f"{folder} has a detector that its decoders learned with")
    try:
        photo = np.zeros((PHOTO_SIZE, PHOTO_SIZE, 3), np.uint8)
        known = detections_of(Graph(detector), photo).scores.shape[1]
    except (ValueError, RuntimeError, TypeError) as error:
        raise ValueError(f"{detector} is no converted detector ({error})") from error
    if known != len(objects()):
        raise ValueError(f"{detector} knows {known} classes, and not the {len(objects())} of COCO")
    save_copy(detector, folder / DETECTOR)
    with edited_json(folder / MANIFEST) as manifest:
        manifest["files"][DETECTOR] = sha256(folder / DETECTOR)
