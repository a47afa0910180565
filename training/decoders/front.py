"""The photo's way into a decoder: from what an encoder gives to one vector, and cells to attend to.

A front is part of the decoder, so it can be trained with it.
"""

from __future__ import annotations

import tensorflow as tf
from keras import layers

Seen = tuple[tf.Tensor, tf.Tensor | None]
"""The whole photo, float32 (photos, n), and its cells (photos, cells, m) where there are any."""


class Pooled(layers.Layer):
    """For features that the encoder has pooled."""

    cells = False

    def call(self, features: tf.Tensor) -> Seen:
        return features, None


class Mean(layers.Layer):
    """For a map (photos, cells, n): the whole is the mean of its cells."""

    cells = True

    def call(self, features: tf.Tensor) -> Seen:
        return tf.reduce_mean(features, axis=1), features


class LastBlock(layers.Layer):
    """The last block and the head of EfficientNet-Lite, for a map of what that block sees.

    The head's output, averaged, is the whole; the block's linear output, averaged over squares of
    2 × 2, are the cells, for attention to four times as many costs more than all the rest. The
    convolutions over single cells are written as dense layers, which is what they are.
    """

    cells = True

    def __init__(self, expanded: int, projected: int, head: int):
        super().__init__(name="last_block")
        self.expand = layers.Dense(expanded, activation="relu6", name="expand")
        self.depthwise = layers.DepthwiseConv2D(
            3, padding="same", activation="relu6", name="depthwise"
        )
        self.project = layers.Dense(projected, name="project")
        self.pool = layers.AveragePooling2D(2, padding="same", name="pool")
        self.head = layers.Dense(head, activation="relu6", name="head")

    def call(self, features: tf.Tensor) -> Seen:
        photos, (cells, channels) = tf.shape(features)[0], features.shape[1:]
        side = round(cells**0.5)
        half = (side + 1) // 2
        grid = self.depthwise(self.expand(tf.reshape(features, (photos, side, side, channels))))
        projected = self.project(grid)
        pooled = self.pool(projected)
        whole = tf.reduce_mean(self.head(projected), axis=(1, 2))
        return whole, tf.reshape(pooled, (photos, half * half, pooled.shape[-1]))


Front = Pooled | Mean | LastBlock


def front_for(feature_shape: tuple[int, ...], last_block: tuple[int, int, int] | None) -> Front:
    """The front for features of a shape, (n,) or (cells, n).

    Args:
        last_block: the channels of a LastBlock, where the map is what such a block sees.
    """
    if last_block:
        return LastBlock(*last_block)
    return Pooled() if len(feature_shape) == 1 else Mean()
