"""Show, Attend and Tell (Xu et al. 2015), with soft attention."""

from __future__ import annotations

from keras import layers, ops

from training.decoders.attending import Attending
from training.decoders.base import Features, Memory
from training.decoders.layers import LSTM
from training.encoders.encoder import Tensor


class SoftAttention(Attending):
    """Looks again at each word, where the last one leads it (sections 3.1.2 and 4.2).

    The first state comes from the whole photo; each word is predicted from the LSTM, what is seen,
    and the word before (equation 7).
    """

    def __init__(self, vocabulary_size: int, units: int, embedding: int, **dropouts: float):
        super().__init__(vocabulary_size, units, embedding, **dropouts)
        self.first_state = layers.Dense(2 * units, activation="tanh", name="first_state")
        self.gate = layers.Dense(1, activation="sigmoid", name="gate")
        self.lstm = LSTM(units, name="lstm")
        self.from_state = layers.Dense(embedding, name="from_state")
        self.from_seen = layers.Dense(embedding, use_bias=False, name="from_seen")

    def start(self, features: Features, training: bool = False) -> tuple[Tensor, Memory]:
        whole = self.look(features, training)
        return self.first_state(whole), self.remember(features, training)

    def advance(self, word: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        before = state[:, : self.units]
        seen = self.gate(before) * self.attention(before, memory)
        state = self.lstm(ops.concatenate([word, seen], axis=1), state)
        return self.from_state(state[:, : self.units]) + self.from_seen(seen) + word, state
