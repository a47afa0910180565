"""What decoders that attend have in common."""

from __future__ import annotations

import numpy as np

from training.decoders.base import Decoder, Features
from training.decoders.layers import Attention, Standardise
from training.encoders.encoder import Tensor

KEY_SIZE = 256


class Attending(Decoder):
    """Looks at the cells of the grid again at each word."""

    uses: tuple[str, ...] = ("pooled", "grid")

    def __init__(self, vocabulary_size: int, units: int, embedding: int, **dropouts: float):
        super().__init__(vocabulary_size, units, embedding, **dropouts)
        self.cells = Standardise(name="cells")
        rate = self.feature_dropout.rate
        self.attention = Attention(KEY_SIZE, embedding, rate, name="attention")
        self.memory_size = KEY_SIZE + embedding

    def adapt(self, features: Features, mentioned: np.ndarray) -> None:
        super().adapt(features, mentioned)
        self.cells.adapt(np.asarray(features["grid"]))

    def remember(self, features: Features, training: bool) -> Tensor:
        """The memory of the grid."""
        return self.attention.remember(self.cells(features["grid"]), training)
