"""Weights out of TF-Slim checkpoints, by the names of their variables.

TF-Slim's InceptionV3 and InceptionV4 normalise each convolution with a batch normalisation that
has no scale and an epsilon of 0.001. A convolution's variables are SCOPE/weights and
SCOPE/BatchNorm/{beta,moving_mean,moving_variance}; all other variables (classifiers, auxiliary
heads, optimisers, a caption decoder) are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np

from training.encoders.encoder import Weights, WeightsError
from training.encoders.inception_v4 import scopes
from training.encoders.keras_files import natural_order
from training.encoders.tensorflow_files import open_variables, times

BATCH_NORM_EPSILON = 1e-3
NORM = ("beta", "moving_mean", "moving_variance")


def _scopes(block: str, *branches: str) -> Iterator[str]:
    for number, branch in enumerate(branches):
        for convolution in branch.split():
            yield f"{block}/Branch_{number}/{convolution}"


_DOUBLE_3X3 = "Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_0c_3x3"
_7X7 = "Conv2d_0a_1x1 Conv2d_0b_1x7 Conv2d_0c_7x1"
_DOUBLE_7X7 = "Conv2d_0a_1x1 Conv2d_0b_7x1 Conv2d_0c_1x7 Conv2d_0d_7x1 Conv2d_0e_1x7"
_SPLIT_3X3 = "Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_0c_1x3 Conv2d_0d_3x1"
_ONE, _POOLED = "Conv2d_0a_1x1", "Conv2d_0b_1x1"

# In the order in which the photo passes them, branch by branch. Some names are odd (Conv_1_0c_5x5,
# a 3x3 called 1x1 in Mixed_6a, 0b twice in Mixed_7b): so they are in the published checkpoints.
INCEPTION_V3_SCOPES = (
    "Conv2d_1a_3x3",
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
    *_scopes("Mixed_5b", _ONE, "Conv2d_0a_1x1 Conv2d_0b_5x5", _DOUBLE_3X3, _POOLED),
    *_scopes("Mixed_5c", _ONE, "Conv2d_0b_1x1 Conv_1_0c_5x5", _DOUBLE_3X3, _POOLED),
    *_scopes("Mixed_5d", _ONE, "Conv2d_0a_1x1 Conv2d_0b_5x5", _DOUBLE_3X3, _POOLED),
    *_scopes("Mixed_6a", "Conv2d_1a_1x1", "Conv2d_0a_1x1 Conv2d_0b_3x3 Conv2d_1a_1x1"),
    *(
        scope
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")
        for scope in _scopes(block, _ONE, _7X7, _DOUBLE_7X7, _POOLED)
    ),
    *_scopes("Mixed_7a", "Conv2d_0a_1x1 Conv2d_1a_3x3", f"{_7X7} Conv2d_1a_3x3"),
    *_scopes("Mixed_7b", _ONE, "Conv2d_0a_1x1 Conv2d_0b_1x3 Conv2d_0b_3x1", _SPLIT_3X3, _POOLED),
    *_scopes("Mixed_7c", _ONE, "Conv2d_0a_1x1 Conv2d_0b_1x3 Conv2d_0c_3x1", _SPLIT_3X3, _POOLED),
)


def read_slim(checkpoint: str | Path) -> Weights:
    """Whichever of the two a checkpoint holds.

    Raises as read_slim_inception_v3() does.
    """
    with open_variables(Path(checkpoint)) as variables:
        networks = {name.split("/")[0] for name in variables}
    if "InceptionV4" in networks:
        return read_slim_inception_v4(checkpoint)
    if "InceptionV3" in networks:
        return read_slim_inception_v3(checkpoint)
    raise WeightsError(f"{checkpoint} holds neither InceptionV3 nor InceptionV4 of TF-Slim.")


def read_slim_inception_v3(checkpoint: str | Path) -> Weights:
    """InceptionV3 out of a checkpoint of TF-Slim or im2txt, for build(ENCODERS["inception_v3"], …).

    Args:
        checkpoint: a checkpoint with variables InceptionV3/…, as open_variables() takes it.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        WeightsError: it cannot be read, or lacks a variable of InceptionV3.
    """
    read = list(_layers(checkpoint, "InceptionV3", INCEPTION_V3_SCOPES))
    # Keras keeps its layers by their distance from the output, but numbers them as they are made,
    # which is in the checkpoint's order.
    skeleton = keras.applications.InceptionV3(include_top=False, weights=None)
    convolutions = _made_as(skeleton, keras.layers.Conv2D)
    norms = _made_as(skeleton, keras.layers.BatchNormalization)
    for layer, made in convolutions:
        kernel = read[made][0].shape
        if kernel != tuple(layer.kernel.shape):
            raise WeightsError(
                f"InceptionV3/{INCEPTION_V3_SCOPES[made]}/weights in {checkpoint} has the shape "
                f"{times(kernel)}, where {times(layer.kernel.shape)} belongs. Give a checkpoint "
                "that fits."
            )
    return [read[made][:1] for _, made in convolutions] + [read[made][1:] for _, made in norms]


def read_slim_inception_v4(checkpoint: str | Path) -> Weights:
    """InceptionV4 out of a checkpoint of TF-Slim, as build(ENCODERS["inception_v4"], …) takes it:
    (kernel, bias) for each convolution, batch normalisation folded in.

    Args and Raises as of read_slim_inception_v3().
    """
    weights: Weights = []
    for kernel, beta, mean, variance in _layers(checkpoint, "InceptionV4", scopes()):
        scale = 1 / np.sqrt(variance + BATCH_NORM_EPSILON)
        weights.append((kernel * scale, beta - mean * scale))
    return weights


def _made_as(model: keras.Model, kind: type[keras.Layer]) -> list[tuple[keras.Layer, int]]:
    """Layers of a kind in the model's order, each with its place in the order of making."""
    layers = {layer.name: layer for layer in model.layers if isinstance(layer, kind)}
    made = sorted(layers, key=natural_order)
    return [(layer, made.index(name)) for name, layer in layers.items()]


def _layers(
    checkpoint: str | Path, network: str, names: Iterable[str]
) -> Iterator[tuple[np.ndarray, ...]]:
    """(kernel, beta, moving mean, moving variance) of each convolution."""
    with open_variables(Path(checkpoint)) as variables:
        for scope in (f"{network}/{name}" for name in names):
            weights, norms = f"{scope}/weights", [f"{scope}/BatchNorm/{part}" for part in NORM]
            variables.require(network, weights, *norms)
            shape = variables.shape(weights)
            kernel = variables.read(weights, shape)
            beta, mean, variance = (variables.read(name, shape[-1:]) for name in norms)
            if (variance < 0).any():
                raise WeightsError(
                    f"{norms[-1]} in {variables.path} is below 0, which no variance is: the "
                    "checkpoint is damaged. Fetch it again."
                )
            yield kernel, beta, mean, variance
