"""Builds the decoder that a recipe names, of the size that its words and features ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Features
from training.decoders import Decoder, decoder_class
from training.decoders.front import Block, Front, TailShape, front_for
from training.recipes import Recipe


@dataclass(frozen=True)
class DecoderShape:
    """What the size of a decoder depends on besides its recipe."""

    words: int
    features: tuple[int, ...]
    """(n,) or (cells, n)"""
    tail: TailShape | None
    """Of the encoder, where the decoder has its tail."""

    @classmethod
    def of(cls, vocabulary: Vocabulary, features: Features) -> DecoderShape:
        tail = TailShape.of(features.tail) if features.tail else None
        return cls(len(vocabulary), features.shape, tail)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DecoderShape:
        """What dataclasses.asdict() and JSON made of a shape."""
        tail = values["tail"] and TailShape(
            tuple(Block(*block) for block in values["tail"][0]), values["tail"][1]
        )
        return cls(values["words"], tuple(values["features"]), tail)


def build_decoder(
    recipe: Recipe, shape: DecoderShape, policy: str, front: Front | None = None
) -> Decoder:
    """An untrained decoder with its variables made, computing under a Keras dtype policy.

    Args:
        front: that of another decoder, to be shared with it; its own where there is none.

    Raises:
        ValueError: the recipe's decoder needs features of another kind.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        decoder = decoder_class(recipe.decoder)(
            front or front_for(shape.features, shape.tail),
            shape.words,
            recipe.units,
            recipe.embedding,
            feature_dropout=recipe.feature_dropout,
            dropout=recipe.dropout,
        )
        decoder(np.zeros((1, *shape.features), np.float32), np.zeros((1, 1), np.int32))
    finally:
        keras.mixed_precision.set_global_policy(before)
    return decoder


def photos_to_adapt_to(decoder: Decoder, photos: int, seed: int) -> np.ndarray:
    """Which of so many training photos decoder.adapt() is given, int, in rising order."""
    chosen = np.random.default_rng(seed).permutation(photos)
    return np.sort(chosen[: decoder.adapts_to])


def copy_weights(source: Decoder, target: Decoder) -> None:
    for theirs, ours in zip(source.weights, target.weights, strict=True):
        ours.assign(theirs.value)
