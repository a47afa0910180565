"""The photo's way into a decoder: from what an encoder gives to one vector, and cells to attend to.

A front is part of the decoder, so it can be trained with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import layers, ops

from app.captioning.detector import REGIONS, ROW
from training.encoders.encoder import Tensor


class Seen(NamedTuple):
    """What a decoder is shown of photos."""

    whole: Tensor
    """float32 (photos, n)"""
    cells: Tensor | None
    """float32 (photos, cells, m), where there are any"""
    regions: Tensor | None = None
    """float32 (photos, REGIONS, k), as Found.pack() has them, where there is a detector"""


class Pooled(layers.Layer):
    """For features that the encoder has pooled."""

    cells = False

    def call(self, features: Tensor) -> Seen:
        return Seen(features, None)


class Mean(layers.Layer):
    """For a map (photos, cells, n): the whole is the mean of its cells."""

    cells = True

    def call(self, features: Tensor) -> Seen:
        return Seen(ops.mean(features, axis=1), features)


class Block(NamedTuple):
    """Channels and kernel of one inverted residual (Sandler et al. 2018)."""

    inputs: int
    expanded: int
    kernel: int
    outputs: int


class InvertedResidual(layers.Layer):
    """A block over (photos, height, width, inputs), its convolutions over single cells written as
    dense layers, which is what they are."""

    def __init__(self, block: Block, name: str):
        super().__init__(name=name)
        self.expand = layers.Dense(block.expanded, activation="relu6", name="expand")
        self.depthwise = layers.DepthwiseConv2D(
            block.kernel, padding="same", activation="relu6", name="depthwise"
        )
        self.project = layers.Dense(block.outputs, name="project")
        self.has_shortcut = block.inputs == block.outputs

    def call(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.has_shortcut else y


class Tail(layers.Layer):
    """The last blocks and the head of EfficientNet-Lite, for a map of what those blocks see.

    The head's output, averaged, is the whole; the last block's, averaged over squares of 2 × 2, are
    the cells, for attention to four times as many costs more than all the rest.
    """

    cells = True

    def __init__(self, blocks: Sequence[Block], head: int):
        super().__init__(name="tail")
        self.blocks = [
            InvertedResidual(block, f"block_{nth}") for nth, block in enumerate(blocks, 1)
        ]
        self.pool = layers.AveragePooling2D(2, padding="same", name="pool")
        self.head = layers.Dense(head, activation="relu6", name="head")
        self.cell_size = blocks[-1].outputs

    def call(self, features: Tensor) -> Seen:
        photos, (cells, channels) = ops.shape(features)[0], features.shape[1:]
        side = round(cells**0.5)
        half = (side + 1) // 2
        x = ops.cast(ops.reshape(features, (photos, side, side, channels)), self.compute_dtype)
        for block in self.blocks:
            x = block(x)
        pooled = self.pool(x)
        whole = ops.mean(self.head(x), axis=(1, 2))
        return Seen(whole, ops.reshape(pooled, (photos, half * half, pooled.shape[-1])))

    def pack(self, seen: Seen) -> Tensor:
        """Whole and cells as one vector a photo, as the encoder gives them where it is served with
        its tail, float32 (photos, n + cells × m)."""
        return ops.concatenate(
            [seen.whole, ops.reshape(seen.cells, (ops.shape(seen.whole)[0], -1))], 1
        )

    def unpack(self, packed: Tensor) -> Seen:
        whole, cells = ops.split(packed, [self.head.units], axis=1)
        return Seen(whole, ops.reshape(cells, (ops.shape(packed)[0], -1, self.cell_size)))


class Grounded(layers.Layer):
    """For what training.data.regions computes: what a tail has packed, and the regions after it.

    The tail is held, so that it can be served; it is not trained.
    """

    cells = True

    def __init__(self, blocks: Sequence[Block], head: int):
        super().__init__(name="grounded")
        self.tail = Tail(blocks, head)
        self.tail.trainable = False
        self.channels = blocks[0].inputs

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.tail(ops.zeros((1, 4, self.channels)))

    def call(self, features: Tensor) -> Seen:
        packed, regions = ops.split(features, [features.shape[1] - REGIONS * ROW], axis=1)
        seen = self.tail.unpack(packed)
        return seen._replace(regions=ops.reshape(regions, (-1, REGIONS, ROW)))


class TailShape(NamedTuple):
    """The sizes of a Tail."""

    blocks: tuple[Block, ...]
    head: int

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray]) -> TailShape:
        """From the kernels and biases that Encoder.tail() gives."""
        *kernels, head = [array.shape for array in arrays if array.ndim > 1]
        triples = zip(kernels[::3], kernels[1::3], kernels[2::3], strict=True)
        blocks = (
            Block(inputs, expanded, depthwise[0], project[1])
            for (inputs, expanded), depthwise, project in triples
        )
        return cls(tuple(blocks), head[1])


Front = Pooled | Mean | Tail | Grounded


def front_for(feature_shape: tuple[int, ...], tail: TailShape | None) -> Front:
    """The front for features of a shape, (n,) or (cells, n).

    Args:
        tail: of the encoder, where the map is what that sees, or where it has seen it already.
    """
    if tail:
        return Tail(*tail) if len(feature_shape) > 1 else Grounded(*tail)
    return Pooled() if len(feature_shape) == 1 else Mean()
