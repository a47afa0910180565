"""Show, Attend and Tell (Xu et al. 2015), with soft attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers

from training.decoders.base import Decoder, Memory
from training.decoders.layers import LSTM, Attention, Standardise


class SoftAttention(Decoder):
    """Looks again at each word, where the last one leads it (sections 3.1.2 and 4.2).

    The first state comes from the whole photo; each word is predicted from the LSTM, what is seen,
    and the word before (equation 7).
    """

    needs_cells = True

    def __init__(
        self,
        front: Any,
        vocabulary_size: int,
        units: int,
        embedding: int,
        feature_dropout: float = 0.0,
        dropout: float = 0.0,
        attention: int = 256,
    ):
        super().__init__(front, vocabulary_size, units, embedding, feature_dropout, dropout)
        self.cells = Standardise(name="cells")
        self.attention = Attention(attention, embedding, feature_dropout, name="attention")
        self.first_state = layers.Dense(2 * units, activation="tanh", name="first_state")
        self.gate = layers.Dense(1, activation="sigmoid", name="gate")
        self.lstm = LSTM(units, name="lstm")
        self.from_state = layers.Dense(embedding, name="from_state")
        self.from_seen = layers.Dense(embedding, use_bias=False, name="from_seen")

    def adapt(self, features: np.ndarray, mentioned: np.ndarray) -> None:
        super().adapt(features, mentioned)
        self.cells.adapt(np.asarray(self.front(features)[1]))

    def start(self, features: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, Memory]:
        whole, cells = self.look(features, training)
        return self.first_state(whole), self.attention.remember(self.cells(cells), training)

    def advance(
        self, word: tf.Tensor, state: tf.Tensor, memory: Memory
    ) -> tuple[tf.Tensor, tf.Tensor]:
        before = state[:, : self.units]
        seen = self.gate(before) * self.attention(before, memory)
        state = self.lstm(tf.concat([word, seen], axis=1), state)
        return self.from_state(state[:, : self.units]) + self.from_seen(seen) + word, state
