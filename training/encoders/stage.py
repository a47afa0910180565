"""The last blocks of an encoder, apart from the rest so that a training can go on with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from keras import layers, ops

from training.encoders.encoder import Tensor, Weights


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
        # In float32, for its gradient takes twice as long in bfloat16 on a CPU.
        self.depthwise = layers.DepthwiseConv2D(
            block.kernel, padding="same", activation="relu6", dtype="float32", name="depthwise"
        )
        self.project = layers.Dense(block.outputs, name="project")
        self.has_shortcut = block.inputs == block.outputs

    def call(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.has_shortcut else y


class EncoderStage(layers.Layer):
    """The last blocks and the head of EfficientNet-Lite, from the grid that those blocks see.

    The head's output, averaged, is the pooled features; the last block's, averaged over squares of
    2 × 2, are the grid features, for attention to four times as many cells costs more than all the
    rest.
    """

    def __init__(self, blocks: Sequence[Block], head: int):
        super().__init__(name="encoder_stage")
        self.channels = blocks[0].inputs
        self.blocks = [
            InvertedResidual(block, f"block_{nth}") for nth, block in enumerate(blocks, 1)
        ]
        self.pool = layers.AveragePooling2D(2, padding="same", name="pool")
        self.head = layers.Dense(head, activation="relu6", name="head")

    @classmethod
    def of(cls, weights: Sequence[np.ndarray]) -> EncoderStage:
        """A stage with these weights: kernels and biases of each block's expansion, depthwise
        convolution and projection, then of the head."""
        *kernels, head = [array.shape for array in weights if array.ndim > 1]
        triples = zip(kernels[::3], kernels[1::3], kernels[2::3], strict=True)
        blocks = [
            Block(inputs, expanded, depthwise[0], project[1])
            for (inputs, expanded), depthwise, project in triples
        ]
        stage = cls(blocks, head[1])
        stage({"grid": np.zeros((1, 4, blocks[0].inputs), np.float32)})
        stage.set_weights(weights)
        return stage

    def call(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """
        Args:
            features: "grid", float (photos, cells, channels), of a square of cells.

        Returns:
            "pooled", (photos, n), and "grid", (photos, a quarter of the cells, m).
        """
        grid = features["grid"]
        photos, (cells, channels) = ops.shape(grid)[0], grid.shape[1:]
        side = round(cells**0.5)
        half = (side + 1) // 2
        x = ops.cast(ops.reshape(grid, (photos, side, side, channels)), self.compute_dtype)
        for block in self.blocks:
            x = block(x)
        pooled = self.pool(x)
        return {
            "pooled": ops.mean(self.head(x), axis=(1, 2)),
            "grid": ops.reshape(pooled, (photos, half * half, pooled.shape[-1])),
        }


def as_convolutions(stage: Sequence[np.ndarray]) -> Weights:
    """A stage's weights as the encoder has them, where a dense layer of the stage is a convolution
    over single cells."""
    pairs = zip(stage[::2], stage[1::2], strict=True)
    return [(kernel[None, None] if kernel.ndim == 2 else kernel, bias) for kernel, bias in pairs]
