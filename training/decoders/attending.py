"""What decoders that attend have in common."""

from __future__ import annotations

import numpy as np

from training.decoders.base import Decoder
from training.decoders.front import Front
from training.decoders.layers import Attention, Standardise

KEY_SIZE = 256


class Attending(Decoder):
    """Looks at the cells of a map again at each word."""

    needs_cells = True

    def __init__(
        self, front: Front, vocabulary_size: int, units: int, embedding: int, **dropouts: float
    ):
        super().__init__(front, vocabulary_size, units, embedding, **dropouts)
        self.cells = Standardise(name="cells")
        rate = self.feature_dropout.rate
        self.attention = Attention(KEY_SIZE, embedding, rate, name="attention")
        self.memory_size = KEY_SIZE + embedding

    def adapt(self, features: np.ndarray, mentioned: np.ndarray) -> None:
        super().adapt(features, mentioned)
        self.cells.adapt(np.asarray(self.front(features).cells))
