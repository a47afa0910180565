"""A detector, a frozen TensorFlow graph of the object detection API (SSD), made ready to serve."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from app.captioning.detector import PHOTO_SIZE, SCORE, Detections
from app.captioning.engines.litert import Graph, detections_of
from app.captioning.objects import objects

CUT = "Preprocessor/sub"
"""The photo, scaled to -1…1. Before it the graph loops over photos to resize them."""
ENCODINGS, LOGITS = "Squeeze", "concat_1"
MAP = "FeatureExtractor/MobilenetV2/Conv_1/Relu6"

Outputs = dict[str, tf.Tensor]


class Detector:
    """The graph, from photo to boxes, scores and map."""

    def __init__(self, graph: Path):
        """Raises ValueError where it is no such graph."""
        definition = read_graph(graph)
        nodes = {node.name for node in definition.node}
        if not {CUT, ENCODINGS, LOGITS, MAP} <= nodes:
            raise ValueError(f"{graph} is no SSD MobileNetV2 of the object detection API")
        self._network = tf.compat.v1.graph_util.extract_sub_graph(
            _with_input(definition, CUT), [ENCODINGS, LOGITS, MAP]
        )

    def __call__(self, photo: tf.Tensor) -> Outputs:
        """encodings (boxes, 4), scores (boxes, classes) and map (side, side, n), as Detections has
        them, of a photo, uint8 (1, PHOTO_SIZE, PHOTO_SIZE, 3)."""
        scaled = tf.cast(photo, tf.float32) * (2 / 255) - 1
        encodings, logits, seen = tf.graph_util.import_graph_def(
            self._network,
            input_map={f"{CUT}:0": scaled},
            return_elements=[f"{name}:0" for name in (ENCODINGS, LOGITS, MAP)],
            name="detector",
        )
        ids = [one.id for one in objects().values()]
        return {
            "encodings": tf.reshape(encodings, (-1, 4)),
            "scores": tf.gather(tf.sigmoid(logits[0]), ids, axis=1),
            "map": seen[0],
        }


def read_graph(path: Path) -> tf.compat.v1.GraphDef:
    """A frozen graph. Raises ValueError where the file is none."""
    try:
        return tf.compat.v1.GraphDef.FromString(path.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{path} is no frozen graph: {error}") from error


def convert_detector(detector: Detector, calibration: Iterable[np.ndarray]) -> bytes:
    """A LiteRT graph with int8 weights and activations.

    Args:
        calibration: photos as the detector takes them, from which the activations' ranges are
            taken.
    """
    module = tf.Module()
    module.detect = tf.function(detector, input_signature=[photo_signature()])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"detect": module.detect})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["detect"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([one[None]] for one in calibration)
        return converter.convert()


def photo_signature(name: str = "photo") -> tf.TensorSpec:
    return tf.TensorSpec((1, PHOTO_SIZE, PHOTO_SIZE, 3), tf.uint8, name=name)


def differences(detector: Detector, graph: Path, photos: Iterable[np.ndarray]) -> dict[str, float]:
    """Of boxes that the original graph is surer of than SCORE: how far the converted one's edges
    are, as a share of the photo, and its scores; the medians, and what 95 % stay below."""
    original = tf.function(detector, input_signature=[photo_signature()])
    converted = Graph(graph)
    edges: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    for photo in photos:
        before = Detections(**{name: one.numpy() for name, one in original(photo[None]).items()})
        after = detections_of(converted, photo)
        sure = before.scores.max(axis=1) > SCORE
        edges.append(np.abs(before.boxes() - after.boxes())[sure].max(axis=1))
        scores.append(np.abs(before.scores - after.scores)[sure].max(axis=1))
    figures = {}
    for name, all_of in (("edge", edges), ("score", scores)):
        found = np.concatenate(all_of)
        figures[f"{name}, median"] = float(np.median(found))
        figures[f"{name}, 95 %"] = float(np.quantile(found, 0.95))
    return figures


def _with_input(definition: tf.compat.v1.GraphDef, name: str) -> tf.compat.v1.GraphDef:
    """The graph with a node made its input, so that nothing before it is left."""
    cut = tf.compat.v1.GraphDef(versions=definition.versions)
    for node in definition.node:
        if node.name == name:
            placeholder = cut.node.add(name=name, op="Placeholder")
            placeholder.attr["dtype"].type = tf.float32.as_datatype_enum
        else:
            cut.node.add().CopyFrom(node)
    return cut
