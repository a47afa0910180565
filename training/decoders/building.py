"""Builds the decoder that a recipe names, of the size that its words and features ask for."""

from __future__ import annotations

from collections.abc import Container, Mapping

import keras
import numpy as np

from training.decoders import Decoder, decoder_class
from training.recipes import DecoderConfig

Shapes = Mapping[str, tuple[int, ...]]
"""Of one photo's features, by their names."""


def missing_features(architecture: str, given: Container[str]) -> list[str]:
    """Those that a decoder needs and is not given; of a grid alone the pooled ones are the mean."""
    uses = decoder_class(architecture).uses
    return [name for name in uses if name not in given and name != "pooled"]


def build_decoder(config: DecoderConfig, vocabulary_size: int, shapes: Shapes) -> Decoder:
    """An untrained decoder with its variables made, under Keras' dtype policy of the moment.

    Raises:
        ValueError: there is no such decoder, or it needs features that there are not.
    """
    kind = decoder_class(config.architecture)
    if missing := missing_features(config.architecture, shapes):
        raise ValueError(
            f"the decoder {config.architecture} needs {' and '.join(missing)} features, and there "
            f"are only {' and '.join(shapes)}"
        )
    decoder = kind(
        vocabulary_size,
        config.units,
        config.embedding,
        feature_dropout=config.feature_dropout,
        dropout=config.dropout,
    )
    features = {name: np.zeros((1, *shape), np.float32) for name, shape in shapes.items()}
    # Two words, for the scan over those after the first cannot be empty on PyTorch.
    decoder(features, np.zeros((1, 2), np.int32))
    return decoder


def adapted_photos(decoder: Decoder, photos: int, seed: int) -> np.ndarray:
    """Which of so many training photos decoder.adapt() is given, int, in rising order."""
    chosen = np.random.default_rng(seed).permutation(photos)
    return np.sort(chosen[: decoder.adapts_to])


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Between models of the same layers, whatever their dtype policies and devices."""
    for theirs, ours in zip(source.weights, target.weights, strict=True):
        ours.assign(theirs.numpy())
