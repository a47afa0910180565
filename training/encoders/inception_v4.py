"""Inception-v4 (Szegedy, Ioffe, Vanhoucke & Alemi 2016, figures 3 to 9).

Layers are named as TF-Slim names its variables, "/" written "_", for the pretrained weights come
from there: the convolution of InceptionV4/Mixed_5b/Branch_0/Conv2d_0a_1x1 is here
Mixed_5b_Branch_0_Conv2d_0a_1x1, the concatenation that ends its block Mixed_5b. Batch
normalisation is folded into the convolutions when weights are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

from keras import layers

from training.encoders.encoder import Encoder, Kernels, Tensor, Weights, apply

SIZE = 299
CHANNELS = 1536


class Conv(NamedTuple):
    """A convolution with ReLU."""

    scope: str
    """TF-Slim's name; it ends in the kernel's height and width."""
    channels: int
    stride: int = 1
    padding: str = "same"

    @property
    def kernel(self) -> tuple[int, int]:
        height, width = self.scope.rsplit("_", 1)[1].split("x")
        return int(height), int(width)


class MaxPool(NamedTuple):
    """3×3, stride 2."""


class AveragePool(NamedTuple):
    """3×3, stride 1, over the cells that are there."""


class Fork(NamedTuple):
    """Two convolutions of the same input, concatenated."""

    first: Conv
    second: Conv


Branch = tuple[Conv | MaxPool | AveragePool | Fork, ...]
Block = tuple[Branch, ...]

STEM = (
    Conv("Conv2d_1a_3x3", 32, 2, "valid"),
    Conv("Conv2d_2a_3x3", 32, 1, "valid"),
    Conv("Conv2d_2b_3x3", 64),
)
MIXED_3A: Block = ((MaxPool(),), (Conv("Conv2d_0a_3x3", 96, 2, "valid"),))
MIXED_4A: Block = (
    (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_1a_3x3", 96, 1, "valid")),
    (
        Conv("Conv2d_0a_1x1", 64),
        Conv("Conv2d_0b_1x7", 64),
        Conv("Conv2d_0c_7x1", 64),
        Conv("Conv2d_1a_3x3", 96, 1, "valid"),
    ),
)
MIXED_5A: Block = ((Conv("Conv2d_1a_3x3", 192, 2, "valid"),), (MaxPool(),))
INCEPTION_A: Block = (
    (Conv("Conv2d_0a_1x1", 96),),
    (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_0b_3x3", 96)),
    (Conv("Conv2d_0a_1x1", 64), Conv("Conv2d_0b_3x3", 96), Conv("Conv2d_0c_3x3", 96)),
    (AveragePool(), Conv("Conv2d_0b_1x1", 96)),
)
REDUCTION_A: Block = (
    (Conv("Conv2d_1a_3x3", 384, 2, "valid"),),
    (
        Conv("Conv2d_0a_1x1", 192),
        Conv("Conv2d_0b_3x3", 224),
        Conv("Conv2d_1a_3x3", 256, 2, "valid"),
    ),
    (MaxPool(),),
)
INCEPTION_B: Block = (
    (Conv("Conv2d_0a_1x1", 384),),
    (Conv("Conv2d_0a_1x1", 192), Conv("Conv2d_0b_1x7", 224), Conv("Conv2d_0c_7x1", 256)),
    (
        Conv("Conv2d_0a_1x1", 192),
        Conv("Conv2d_0b_7x1", 192),
        Conv("Conv2d_0c_1x7", 224),
        Conv("Conv2d_0d_7x1", 224),
        Conv("Conv2d_0e_1x7", 256),
    ),
    (AveragePool(), Conv("Conv2d_0b_1x1", 128)),
)
REDUCTION_B: Block = (
    (Conv("Conv2d_0a_1x1", 192), Conv("Conv2d_1a_3x3", 192, 2, "valid")),
    (
        Conv("Conv2d_0a_1x1", 256),
        Conv("Conv2d_0b_1x7", 256),
        Conv("Conv2d_0c_7x1", 320),
        Conv("Conv2d_1a_3x3", 320, 2, "valid"),
    ),
    (MaxPool(),),
)
INCEPTION_C: Block = (
    (Conv("Conv2d_0a_1x1", 256),),
    (
        Conv("Conv2d_0a_1x1", 384),
        Fork(Conv("Conv2d_0b_1x3", 256), Conv("Conv2d_0c_3x1", 256)),
    ),
    (
        Conv("Conv2d_0a_1x1", 384),
        Conv("Conv2d_0b_3x1", 448),
        Conv("Conv2d_0c_1x3", 512),
        Fork(Conv("Conv2d_0d_1x3", 256), Conv("Conv2d_0e_3x1", 256)),
    ),
    (AveragePool(), Conv("Conv2d_0b_1x1", 256)),
)
BLOCKS = {
    "Mixed_3a": MIXED_3A,
    "Mixed_4a": MIXED_4A,
    "Mixed_5a": MIXED_5A,
    **{f"Mixed_5{letter}": INCEPTION_A for letter in "bcde"},
    "Mixed_6a": REDUCTION_A,
    **{f"Mixed_6{letter}": INCEPTION_B for letter in "bcdefgh"},
    "Mixed_7a": REDUCTION_B,
    **{f"Mixed_7{letter}": INCEPTION_C for letter in "bcd"},
}


def scopes() -> Iterator[str]:
    """TF-Slim's name of each convolution, without "InceptionV4/", in the order of the weights."""
    for conv in STEM:
        yield conv.scope
    for block, branches in BLOCKS.items():
        for number, branch in enumerate(branches):
            for step in branch:
                for one in step if isinstance(step, Fork) else (step,):
                    if isinstance(one, Conv):
                        yield f"{block}/Branch_{number}/{one.scope}"


def _normalise(x: Tensor) -> Tensor:
    return layers.Rescaling(1 / 127.5, offset=-1)(x)


def _network(x: Tensor, weights: Weights | None, features: str) -> Tensor:
    source = repeat(None) if weights is None else iter(weights)
    for conv in STEM:
        x = _conv(x, source, conv, conv.scope)
    for name, branches in BLOCKS.items():
        outputs = [
            _branch(x, source, branch, f"{name}_Branch_{number}")
            for number, branch in enumerate(branches)
        ]
        x = layers.Concatenate(name=name)(outputs)
    return x


def _branch(x, source, branch: Branch, name: str):
    for step in branch:
        if isinstance(step, MaxPool):
            x = layers.MaxPooling2D(3, strides=2)(x)
        elif isinstance(step, AveragePool):
            x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
        elif isinstance(step, Fork):
            both = [_conv(x, source, conv, f"{name}_{conv.scope}") for conv in step]
            x = layers.Concatenate()(both)
        else:
            x = _conv(x, source, step, f"{name}_{step.scope}")
    return x


def _conv(x, source, conv: Conv, name: str):
    layer = layers.Conv2D(
        conv.channels, conv.kernel, conv.stride, conv.padding, activation="relu", name=name
    )
    return apply(layer, x, source)


ENCODERS = (
    Encoder(
        "inception_v4",
        SIZE,
        CHANNELS,
        (8, 8, CHANNELS),
        Kernels(149, 41_079_648),
        _normalise,
        _network,
        weights_file="inception_v4.ckpt",
        weights_url="http://download.tensorflow.org/models/inception_v4_2016_09_09.tar.gz",
        terms="Apache-2.0 (TensorFlow's model repository)",
    ),
)
