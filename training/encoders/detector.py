"""The detector: a frozen TensorFlow graph of the object detection API (SSD), made ready to serve.

    python -m training.encoders.detector --graph frozen_inference_graph.pb --photos data/mscoco \\
        --out runs/detector.tflite

writes it for LiteRT with int8 weights and activations, calibrated on training photos, and prints
how far its boxes and scores are from those of the original graph.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from app.captioning.captioner import squash
from app.captioning.detector import PHOTO_SIZE, SCORE, Detections
from app.captioning.engines.litert import Graph, detections_of
from app.captioning.objects import objects
from training.data import open_split
from training.data.photos import upright

CUT = "Preprocessor/sub"
"""The photo, scaled to -1…1. Before it the graph loops over photos to resize them."""
ENCODINGS, LOGITS = "Squeeze", "concat_1"
MAP = "FeatureExtractor/MobilenetV2/Conv_1/Relu6"
CALIBRATION_PHOTOS = 200
COMPARED_PHOTOS = 100

Outputs = dict[str, tf.Tensor]


class Detector:
    """The graph, from photo to boxes, scores and map."""

    def __init__(self, graph: Path):
        """Raises ValueError where it is no such graph."""
        definition = tf.compat.v1.GraphDef.FromString(graph.read_bytes())
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


def write_detector(graph: Path, dataset: Path, out: Path) -> Detector:
    """Writes the converted detector, calibrated on a dataset's training photos, and returns the
    original. Raises ValueError where the graph is none of a detector."""
    detector = Detector(graph)
    photos = islice(photos_for_detector(dataset, "train"), CALIBRATION_PHOTOS)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(convert_detector(detector, photos))
    return detector


def photo_signature(name: str = "photo") -> tf.TensorSpec:
    return tf.TensorSpec((1, PHOTO_SIZE, PHOTO_SIZE, 3), tf.uint8, name=name)


def photos_for_detector(dataset: Path, split: str) -> Iterator[np.ndarray]:
    """A split's photos, uint8 (PHOTO_SIZE, PHOTO_SIZE, 3)."""
    for example in open_split(dataset, split):
        photo = upright(example.photo)
        yield np.asarray(squash(photo, PHOTO_SIZE))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graph", type=Path, required=True, help="frozen_inference_graph.pb")
    parser.add_argument("--photos", type=Path, required=True, help="a dataset to calibrate on")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    detector = write_detector(given.graph, given.photos, given.out)
    print(f"{given.out.stat().st_size / 1e6:.1f} MB")
    others = CALIBRATION_PHOTOS, CALIBRATION_PHOTOS + COMPARED_PHOTOS
    photos = islice(photos_for_detector(given.photos, "train"), *others)
    for name, value in differences(detector, given.out, photos).items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
