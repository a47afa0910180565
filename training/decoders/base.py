"""What training, evaluation and export ask of a decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import layers, ops
from keras.initializers import RandomNormal

from app.captioning.vocabulary import Vocabulary
from training.decoders.layers import Standardise, repeat
from training.encoders.encoder import Tensor

WORD_DEVIATION = 0.3
"""Of word vectors at first. Keras' own, a tenth of that, is so small beside the photo's numbers
that a decoder takes an epoch to notice the words."""

Memory: TypeAlias = Tensor | None
"""What a decoder looks at again at each word, (photos, cells, n); None where it does not. Those of
an ensemble's decoders lie side by side, so that all of them have the same cells."""

Features: TypeAlias = Mapping[str, Tensor]
"""A photo as the encoder gives it, float32: "pooled" (photos, n), "grid" (photos, cells, m),
"regions" (photos, REGIONS, ROW) as app.captioning.detector packs them; not all are there."""


class Decoder(keras.Model):
    """Reads a photo's features and words, and predicts the next word.

    Training sees whole captions at once (`call`), serving one step at a time (`start`, `step`).
    Most decoders choose among words. Where words point at regions a decoder chooses among tokens
    (app.captioning.visual_words), and surface() says which words these are.
    """

    uses: tuple[str, ...] = ("pooled",)
    """Which features it needs. Of a grid alone, the pooled features are the mean of its cells."""
    memory_size = 0
    """Numbers that the memory has for each cell; 0 without a memory."""
    adapts_to: int | None = 1000
    """How many training photos adapt() asks for; None for all."""

    def __init__(
        self,
        vocabulary_size: int,
        units: int,
        embedding: int,
        feature_dropout: float = 0.0,
        dropout: float = 0.0,
    ):
        """dropout is applied to the recurrent layer's inputs and outputs (Zaremba et al. 2014)."""
        super().__init__()
        self.units = units
        self.standardise = Standardise(name="standardise")
        self.feature_dropout = layers.Dropout(feature_dropout)
        self.dropout = layers.Dropout(dropout)
        self.word_embedding = layers.Embedding(
            vocabulary_size, embedding, RandomNormal(stddev=WORD_DEVIATION), name="word_embedding"
        )
        self.logits = layers.Dense(vocabulary_size, name="logits")

    @property
    def state_size(self) -> int:
        """Numbers in the state."""
        return 2 * self.units

    def learn_words(self, vocabulary: Vocabulary, language: str) -> None:
        """What a decoder needs to know of its words before the first epoch."""

    def adapt(self, features: Features, mentioned: np.ndarray) -> None:
        """Measures the training photos before the first epoch.

        Args:
            features: of some training photos.
            mentioned: bool (photos, vocabulary): whether a caption of the photo has the word.
        """
        self.standardise.adapt(np.asarray(pooled(features)))

    def call(self, features: Features, words: Tensor, training: bool = False) -> Tensor:
        """Predicts each next word of whole captions.

        Args:
            features: of the photos.
            words: int32 (photos × k, time), k captions of each photo, beginning with `<start>`.

        Returns:
            float32 logits (photos × k, time, vocabulary): what follows each word.
        """
        outputs, _ = self.read(features, words, training)
        return self.logits(self.dropout(outputs, training=training))

    def read(
        self, features: Features, words: Tensor, training: bool = False
    ) -> tuple[Tensor, Memory]:
        """Whole captions, as call() gets them: all that advance() gave, (photos × k, time, n), and
        the memory."""
        state, memory = self.start(features, training)
        each = ops.shape(words)[0] // ops.shape(state)[0]
        state = repeat(state, each)
        embedded = ops.swapaxes(self.dropout(self.embed(words), training=training), 0, 1)

        def advance(carried: tuple[Tensor, Tensor], word: Tensor) -> tuple[Any, Any]:
            following = self.advance(word, carried[1], memory)
            # Keras' scan on TensorFlow collects what is shaped as what it carries.
            return following, following

        first = self.advance(embedded[0], state, memory)
        _, (outputs, _) = ops.scan(advance, first, embedded[1:])
        outputs = ops.concatenate([first[0][None], outputs])
        return ops.swapaxes(outputs, 0, 1), memory

    def log_likelihood(
        self, features: Features, words: Tensor, targets: Tensor, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """How likely each next word of captions is, as call() gets them.

        Args:
            targets: int32 (photos × k, time), the next words.

        Returns:
            float32 (photos × k, time) each: the log-probability of the targets, and the mean of all
            words that could stand in their place, for label smoothing.
        """
        logits = ops.cast(self(features, words, training=training), "float32")
        log_probabilities = ops.log_softmax(logits)
        of_targets = ops.take_along_axis(log_probabilities, targets[..., None], axis=-1)[..., 0]
        return of_targets, ops.mean(log_probabilities, axis=-1)

    def embed(self, words: Tensor) -> Tensor:
        """Words' vectors, float32 (…, embedding)."""
        return self.word_embedding(words)

    def surface(self, tokens: Tensor, memory: Memory) -> Tensor:
        """The words, int32 like tokens (photos × k, …), that tokens are read as."""
        return tokens

    def start(self, features: Features, training: bool = False) -> tuple[Tensor, Memory]:
        """The state after the photo, float32 (photos, state_size), and its memory."""
        raise NotImplementedError

    def advance(self, word: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """From embedded words (photos × k, embedding), k captions of each photo in the memory: what
        the logits are made of, and the next state.

        The memory is not repeated: it has one row a photo, words and state have k."""
        raise NotImplementedError

    def step(self, state: Tensor, tokens: Tensor, memory: Memory = None) -> tuple[Tensor, Tensor]:
        """One word further.

        Args:
            state: float32 (batch, state_size), from start() or step().
            tokens: int32 (batch,), the last token of each caption.
            memory: from start(), of as many photos as go into the batch without remainder.

        Returns:
            float32 (batch, tokens) log-probabilities of the next token, and the next state.
        """
        output, state = self.advance(self.embed(self.surface(tokens, memory)), state, memory)
        return ops.log_softmax(ops.cast(self.logits(output), "float32")), state

    def look(self, features: Features, training: bool) -> Tensor:
        """The whole photo, standardised."""
        return self.feature_dropout(self.standardise(pooled(features)), training=training)


def pooled(features: Features) -> Tensor:
    """One vector a photo, (photos, n)."""
    return features["pooled"] if "pooled" in features else ops.mean(features["grid"], axis=1)
