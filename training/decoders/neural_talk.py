"""NeuralTalk (Karpathy & Fei-Fei 2015), the baseline without gates."""

from __future__ import annotations

from keras import layers, ops

from training.decoders.base import Decoder, Features, Memory
from training.encoders.encoder import Tensor


class NeuralTalk(Decoder):
    """A plain recurrent network that sees the photo at its first word (section 3.2, equations
    13-15)."""

    def __init__(self, vocabulary_size: int, units: int, embedding: int, **dropouts: float):
        super().__init__(vocabulary_size, units, embedding, **dropouts)
        self.image_embedding = layers.Dense(units, name="image_embedding")
        self.inputs_to_hidden = layers.Dense(units, use_bias=False, name="inputs_to_hidden")
        self.hidden_to_hidden = layers.Dense(
            units, use_bias=False, kernel_initializer="identity", name="hidden_to_hidden"
        )

    @property
    def state_size(self) -> int:
        """Hidden units, and what the photo adds to them at the first word, zero after it."""
        return 2 * self.units

    def start(self, features: Features, training: bool = False) -> tuple[Tensor, Memory]:
        whole = self.look(features, training)
        image = self.image_embedding(whole)
        return ops.concatenate([ops.zeros_like(image), image], axis=1), None

    def advance(self, word: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        hidden, image = state[:, : self.units], state[:, self.units :]
        hidden = ops.relu(self.inputs_to_hidden(word) + self.hidden_to_hidden(hidden) + image)
        return hidden, ops.concatenate([hidden, ops.zeros_like(image)], axis=1)
