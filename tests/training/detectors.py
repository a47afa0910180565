"""A detector that knows colours: a graph as the object detection API freezes it, but small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from app.captioning.detector import CHANNELS, PHOTO_SIZE, anchors
from training.encoders.detector import ENCODINGS, LOGITS, MAP

IDS = {"red": 18, "green": 17, "blue": 3}
"""COCO's of dog, cat and car."""
COLUMNS = 91
BOX = 1500
"""The only one that is ever sure of anything."""


def write_graph(path: Path) -> None:
    random = np.random.default_rng(0)
    logits = np.zeros((3, len(anchors()), COLUMNS), np.float32)
    for channel, number in enumerate(IDS.values()):
        logits[channel, BOX, number] = 8
    bias = np.full((len(anchors()), COLUMNS), -6, np.float32)
    bias[BOX, list(IDS.values())] = 2
    encodings = random.normal(0, 0.1, (3, len(anchors()) * 4)).astype(np.float32)
    kernel = random.normal(0, 1, (3, CHANNELS)).astype(np.float32)
    graph = tf.Graph()
    with graph.as_default():
        photo = tf.compat.v1.placeholder(
            tf.uint8, (1, PHOTO_SIZE, PHOTO_SIZE, 3), name="image_tensor"
        )
        scaled = tf.subtract(tf.cast(photo, tf.float32) * (2 / 255), 1.0, name="Preprocessor/sub")
        cells = tf.nn.avg_pool2d(scaled, 30, 30, "VALID")
        mean = tf.reduce_mean(cells, axis=(1, 2))
        spread = tf.reshape(mean @ logits.reshape(3, -1), (1, *bias.shape))
        tf.add(spread, bias[None], name=LOGITS)
        tf.reshape(mean @ encodings, (1, -1, 4), name=ENCODINGS)
        tf.nn.relu6(tf.tensordot(cells, kernel, 1), name=MAP)
    path.write_bytes(graph.as_graph_def().SerializeToString())
