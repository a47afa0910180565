"""Weights out of the files that Keras writes: .h5, .weights.h5 and .keras, of any version."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from training.encoders.encoder import Kernels, Weights, WeightsError


def read_keras(path: Path) -> Weights:
    """The convolutions and normalisations of the network in a file.

    A model that has another as a layer, as those that a classifier was put on, gives the one with
    most convolutions. Its own classifier is left out.

    Raises:
        WeightsError: Keras did not write the file.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as weights:
                return _read(weights)
        return _read(path)
    except (OSError, KeyError) as error:
        raise WeightsError(f"{path.name} holds no weights of Keras: {error}") from None


def natural_order(name: str) -> tuple[str, int]:
    """Sorts layer, layer_1, layer_2, …, layer_10."""
    number = re.search(r"_(\d+)$", name)
    return (name[: number.start()], int(number[1])) if number else (name, 0)


def _read(source: Any) -> Weights:
    with h5py.File(source) as file:
        legacy = file.get("model_weights", file)
        if "layer_names" in legacy.attrs:
            weights = list(_legacy_layers(legacy))
        else:
            weights = max(_models(file), key=Kernels.of)
    return [layer for layer in weights if layer and all(one.ndim in (1, 4) for one in layer)]


def _legacy_layers(file: h5py.Group) -> Iterator[tuple[np.ndarray, ...]]:
    """Layers of a file from before Keras 3; those of a model within the model too, which are told
    apart by their weights' names (layer/kernel)."""
    for group in (file[name] for name in file.attrs["layer_names"]):
        layers: dict[str, list[np.ndarray]] = {}
        for name in map(_text, group.attrs["weight_names"]):
            layers.setdefault(name.rpartition("/")[0], []).append(group[name][()])
        yield from map(tuple, layers.values())


def _models(group: h5py.Group) -> Iterator[Weights]:
    """The layers of each model in a file of Keras 3: of the one saved, and of models within it."""
    layers = group["layers"]
    own: Weights = []
    for name in sorted(layers, key=natural_order):
        if "layers" in layers[name]:
            yield from _models(layers[name])
        else:
            variables = layers[name].get("vars", {})
            own.append(tuple(variables[key][()] for key in sorted(variables, key=int)))
    yield own


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
