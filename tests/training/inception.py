"""What the reference graphs of the Inceptions share, made of TensorFlow's own operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def branch(x: Any, layers: str, convolve: Callable[[Any, str], Any]) -> Any:
    """Layers one after the other, such as "average 1x1:32": pooling, or convolutions, of which
    those that are joined by "|" see the same and are put side by side."""
    for layer in layers.split():
        if layer == "average":
            x = tf.nn.avg_pool2d(x, 3, 1, "SAME")
        elif layer == "maximum":
            x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        else:
            x = tf.concat([convolve(x, one) for one in layer.split("|")], 3)
    return x


def normalised(x: Any, kernel: Any, stride: str, mean: Any, variance: Any, beta: Any) -> Any:
    """slim.conv2d with slim.batch_norm: no bias, no scale, an epsilon of 0.001.

    Args:
        stride: "" for one that keeps the size; one with a number loses the edges.
    """
    x = tf.nn.conv2d(x, kernel, int(stride or 1), "VALID" if stride else "SAME")
    return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, beta, None, 0.001))
