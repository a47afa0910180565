"""How well a detector finds persons: COCO's average precision, by pycocotools.

The original graph, in float, suppresses boxes itself; only the least score, 0.3 as it was frozen,
is made the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm

from app.captioning.captioner import squash
from app.captioning.detector import PHOTO_SIZE, non_maximum_suppression
from app.captioning.engines.litert import Graph, detections_of
from app.captioning.objects import objects
from training.data.photos import upright
from training.encoders.detector import read_graph

PERSON = 1
"""COCO's id."""
LEAST = 0.01
"""Score of the boxes that are measured: many that are not sure, for precision is averaged over all
recalls."""
MOST = 100
"""Boxes of a photo, of all classes: as many as the original graph gives, and COCO counts."""
OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes")
LEAST_OF_CLASS = re.compile(r"FilterGreaterThan\w*/Greater/y$")
"""The constant that the original graph cuts a class's scores at."""

Rows = list[tuple[np.ndarray, float]]
"""Of each person found: left, top, right, bottom as shares of the photo, and the score."""
Find = Callable[[np.ndarray], Rows]
"""What a detector finds on a photo, uint8 RGB (height, width, 3)."""


def average_precision(
    truth: COCO, images: Path, find: Find, photos: int | None = None
) -> dict[str, Any]:
    """AP (mean over IoU 0.5 to 0.95) and AP50 of persons, 0 to 1.

    Args:
        truth: the boxes.
        images: the folder of their photos.
        photos: how many to take, the first; None takes all.

    Raises:
        FileNotFoundError: a photo is not there.
    """
    ids = truth.getImgIds()[:photos]
    results: list[dict[str, Any]] = []
    for image in tqdm(truth.loadImgs(ids), unit="photo", leave=False, disable=None):
        photo = upright((images / image["file_name"]).read_bytes())
        results += _results(image, find(photo))
    if not results:  # of which pycocotools makes an IndexError
        return {"photos": len(ids), "AP": 0.0, "AP50": 0.0}
    scoring = COCOeval(truth, truth.loadRes(results), "bbox")
    scoring.params.imgIds = ids
    scoring.evaluate()
    scoring.accumulate()
    scoring.summarize()
    return {"photos": len(ids), "AP": float(scoring.stats[0]), "AP50": float(scoring.stats[1])}


def _results(image: dict[str, Any], found: Rows) -> list[dict[str, Any]]:
    """Of one photo, in pixels, as pycocotools wants them."""
    results = []
    for box, score in found:
        left, top, right, bottom = (box * ([image["width"], image["height"]] * 2)).tolist()
        edges = [left, top, right - left, bottom - top]
        one = {"image_id": image["id"], "category_id": PERSON, "bbox": edges, "score": score}
        results.append(one)
    return results


def converted(detector: Path) -> Find:
    """A detector from training.encoders.detector, as the service runs it."""
    runner = Graph(detector)
    person = list(objects()).index("person")

    def find(photo: np.ndarray) -> Rows:
        seen = detections_of(runner, np.asarray(squash(photo, PHOTO_SIZE)))
        found = non_maximum_suppression(seen, LEAST, MOST)
        return _rows(found.boxes, found.scores, found.classes == person)

    return find


def original(graph: Path) -> Find:
    """The graph that it was made of.

    Raises:
        ValueError: it is no such graph.
    """
    definition = read_graph(graph)
    if not {"image_tensor", *OUTPUTS} <= {node.name for node in definition.node}:
        raise ValueError(f"{graph} is no detector of the object detection API")
    for node in definition.node:
        if LEAST_OF_CLASS.search(node.name):
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(LEAST, tf.float32))

    def detect(photo: tf.Tensor) -> list[tf.Tensor]:
        outputs = [f"{name}:0" for name in OUTPUTS]
        return tf.graph_util.import_graph_def(definition, {"image_tensor:0": photo}, outputs)

    photos = tf.TensorSpec((1, None, None, 3), tf.uint8)
    run = tf.compat.v1.wrap_function(detect, [photos])

    def find(photo: np.ndarray) -> Rows:
        boxes, scores, classes = (one[0].numpy() for one in run(tf.constant(photo[None])))
        # Its edges are top, left, bottom, right.
        return _rows(boxes[:, [1, 0, 3, 2]], scores, (classes == PERSON) & (scores > LEAST))

    return find


def _rows(boxes: np.ndarray, scores: np.ndarray, kept: np.ndarray) -> Rows:
    return list(zip(boxes[kept], scores[kept].tolist(), strict=True))


def detection_score(
    boxes: Path, images: Path, detector: Path, photos: int | None = None
) -> dict[str, float]:
    """The average precision of a detector.

    Args:
        boxes: those that people drew, in COCO's JSON.
        images: the folder of their photos.
        detector: a .tflite of training.encoders.detector, or the original frozen graph.
        photos: how many to take, the first; all where it is None.

    Raises:
        FileNotFoundError: one of these is not there.
        ValueError: one of these is not what it should be.
    """
    find = converted(detector) if detector.suffix == ".tflite" else original(detector)
    with redirect_stdout(sys.stderr):  # pycocotools tells there what it does
        return average_precision(_truth(boxes), images, find, photos)


def _truth(boxes: Path) -> COCO:
    try:
        return COCO(str(boxes))
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{boxes} is not in the layout of COCO's boxes: {error!r}") from error
