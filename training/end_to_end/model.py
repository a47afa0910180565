"""An encoder and its decoders as one model, between files and training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from app.captioning.vocabulary import Vocabulary
from training.data.augmentation import PHOTO_SIZE
from training.decoders import Decoder
from training.decoders.building import DecoderShape, build_decoder
from training.decoders.front import Tail, TailShape
from training.encoders import ENCODERS, Weights, build
from training.recipes import Recipe
from training.train.saving import save_arrays

ENCODED_TOGETHER = 128


class Encoder:
    """An encoder up to its tail, and the tail, which is the front of each of its decoders."""

    def __init__(self, name: str, weights: Weights):
        """
        Raises:
            ValueError: the encoder has no tail.
            WeightsError: the weights are not this encoder's.
        """
        encoder = ENCODERS[name]
        if encoder.tail is None:
            raise ValueError(f"{name} has no tail that decoders could share")
        self.model = build(encoder, weights, PHOTO_SIZE, features="map")
        self._tail = encoder.tail(weights)
        self.front: Tail | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a photo's features, (cells, n)."""
        return self.model.output["features"].shape[1:]

    def decoder(self, recipe: Recipe, vocabulary: Vocabulary) -> Decoder:
        """One more, not trained yet."""
        shape = DecoderShape(len(vocabulary), self.shape, TailShape.of(self._tail))
        decoder = build_decoder(recipe, shape, "float32", self.front)
        if self.front is None:
            assert isinstance(decoder.front, Tail)
            self.front = decoder.front
            self.front.set_weights(self._tail)
        return decoder

    def encode(self, photos: np.ndarray) -> np.ndarray:
        """What the front gets of photos uint8 (photos, height, width, 3): float16 (photos, cells,
        n)."""
        parts = []
        for first in range(0, len(photos), ENCODED_TOGETHER):
            part = photos[first : first + ENCODED_TOGETHER]
            # Of one shape, for each new one costs a new graph.
            missing = ENCODED_TOGETHER - len(part)
            padded = np.pad(part, ((0, missing), *[(0, 0)] * 3))
            features = self.model.predict_on_batch(padded)["features"]
            parts.append(np.asarray(features[: len(part)], np.float16))
        return np.concatenate(parts)

    def weights(self) -> Weights:
        """As read_weights() gives them."""
        assert self.front is not None
        layers = [tuple(layer.get_weights()) for layer in self.model.layers if layer.weights]
        return layers + _as_layers(self.front.get_weights())


def with_tail(weights: Weights, tail: Sequence[np.ndarray]) -> Weights:
    """An encoder's weights, those of its last layers replaced by a tail's kernels and biases."""
    layers = _as_layers(tail)
    return weights[: -len(layers)] + layers


def _as_layers(tail: Sequence[np.ndarray]) -> Weights:
    """A tail's dense layers are the encoder's convolutions over single cells."""
    pairs = zip(tail[::2], tail[1::2], strict=True)
    return [(kernel[None, None] if kernel.ndim == 2 else kernel, bias) for kernel, bias in pairs]


def save_decoder(path: Path, decoder: Decoder, scores: dict[str, float]) -> None:
    """Its weights, front included, in float16, and how good it was."""
    arrays: dict[str, Any] = {
        f"weights_{nth}": one.astype(np.float16) for nth, one in enumerate(decoder.get_weights())
    }
    save_arrays(path, arrays | {f"score_{name}": value for name, value in scores.items()})


def load_decoder(path: Path, decoder: Decoder) -> None:
    """Gives a decoder weights that save_decoder() wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is another decoder's.
    """
    with np.load(path) as arrays:
        weights = [arrays[name] for name in arrays if name.startswith("weights_")]
    if [one.shape for one in weights] != [tuple(one.shape) for one in decoder.weights]:
        raise ValueError(f"{path} holds another decoder than the recipe's")
    decoder.set_weights(weights)


def trainable(layers: Sequence[Any], value: bool) -> None:
    for layer in layers:
        layer.trainable = value


class Speaker(keras.Model):
    """Says captions of photos: the likeliest word each time, or words at random."""

    def __init__(
        self,
        decoder: Decoder,
        first: int,
        words: int,
        samples: int = 1,
        temperature: float = 0.0,
    ):
        """
        Args:
            first: the word that captions begin with, unseen.
            words: after which a caption breaks off that has not ended.
            samples: captions of each photo.
            temperature: 0 for the likeliest words.
        """
        super().__init__()
        self.decoder, self.first, self.words = decoder, first, words
        self.samples, self.temperature = samples, temperature
        self.random = keras.random.SeedGenerator(1)

    def call(self, features: Any) -> Any:
        """int32 (photos × samples, words + 1); what follows an end means nothing."""
        ops = keras.ops
        state, memory = self.decoder.start(features)
        state = ops.repeat(state, self.samples, axis=0)
        last = ops.full((ops.shape(state)[0],), self.first, "int32")
        said = []
        for _ in range(self.words + 1):
            log_probabilities, state = self.decoder.step(state, last, memory)
            last = self._choose(log_probabilities)
            said.append(last)
        return ops.stack(said, axis=1)

    def _choose(self, log_probabilities: Any) -> Any:
        if not self.temperature:
            return keras.ops.cast(keras.ops.argmax(log_probabilities, axis=-1), "int32")
        drawn = keras.random.categorical(
            log_probabilities / self.temperature, 1, "int32", self.random
        )
        return drawn[:, 0]


def words_said(said: np.ndarray, vocabulary: Vocabulary) -> list[list[str]]:
    """The words of each row before its first end."""
    captions = []
    for row in said:
        ends = np.flatnonzero(row == vocabulary.end)
        captions.append([vocabulary.words[one] for one in row[: ends[0] if len(ends) else None]])
    return captions
