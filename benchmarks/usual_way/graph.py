"""The network of the usual way, frozen, with random weights: what it costs does not depend on them.

    python -m benchmarks.usual_way.graph FILE

As im2txt has it (tensorflow/models, research/im2txt): InceptionV3 at 299 × 299, an LSTM of 512
units, 512 numbers a word, 12,000 words (configuration.py). im2txt restores a checkpoint into
variables; a frozen graph is lighter.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

WORDS, UNITS = 12_000, 512
SIDE, RESIZED = 299, 346


def build(path: Path) -> None:
    network = CaptionNetwork()  # a name of its own: the function alone would not keep it alive
    function = tf.function(network).get_concrete_function(
        tf.TensorSpec([], tf.string, "image_feed"),
        tf.TensorSpec([None], tf.int64, "input_feed"),
        tf.TensorSpec([None, 2 * UNITS], tf.float32, "state_feed"),
    )
    frozen = convert_variables_to_constants_v2(function)
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())


class CaptionNetwork(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cnn = keras.applications.InceptionV3(
            weights=None, include_top=False, pooling="avg", input_shape=(SIDE, SIDE, 3)
        )
        self.image_embedding = weights(2048, UNITS)
        self.word_embedding = weights(WORDS, UNITS)
        self.kernel, self.bias = weights(2 * UNITS, 4 * UNITS), weights(4 * UNITS)
        self.logits, self.logits_bias = weights(UNITS, WORDS), weights(WORDS)

    def __call__(
        self, encoded: tf.Tensor, words: tf.Tensor, state: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        image = tf.identity(prepare(encoded), "image")
        embedding = self.cnn(image[None], training=False) @ self.image_embedding
        start = self.lstm(embedding, tf.zeros([1, 2 * UNITS]))
        following = self.lstm(tf.gather(self.word_embedding, words), state)
        softmax = tf.nn.softmax(following[:, UNITS:] @ self.logits + self.logits_bias)
        return (
            image,
            tf.identity(start, "initial_state"),
            tf.identity(softmax, "chances"),
            tf.identity(following, "next_state"),
        )

    def lstm(self, inputs: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """One step of TensorFlow 1's BasicLSTMCell, its state in one piece as im2txt feeds it."""
        cell, output = tf.split(state, 2, axis=1)
        gates = tf.concat([inputs, output], axis=1) @ self.kernel + self.bias
        take, new, keep, give = tf.split(gates, 4, axis=1)
        cell = cell * tf.sigmoid(keep + 1.0) + tf.sigmoid(take) * tf.tanh(new)
        return tf.concat([cell, tf.sigmoid(give) * tf.tanh(cell)], axis=1)


def prepare(encoded: tf.Tensor) -> tf.Tensor:
    """im2txt's ops/image_processing.py: the whole JPEG decoded, resized, its middle cut out."""
    image = tf.image.convert_image_dtype(tf.io.decode_jpeg(encoded, channels=3), tf.float32)
    image = tf.image.resize(image, [RESIZED, RESIZED])
    image = tf.image.resize_with_crop_or_pad(image, SIDE, SIDE)
    return tf.ensure_shape((image - 0.5) * 2.0, [SIDE, SIDE, 3])


def weights(*shape: int) -> tf.Variable:
    """im2txt's initializer_scale."""
    numbers = np.random.default_rng(0).uniform(-0.08, 0.08, shape)
    return tf.Variable(numbers.astype(np.float32))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
