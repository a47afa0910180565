"""Show and Tell (Vinyals et al. 2015)."""

from __future__ import annotations

from keras import layers, ops

from training.decoders.base import Decoder, Features, Memory
from training.decoders.layers import LSTM
from training.encoders.encoder import Tensor


class ShowAndTell(Decoder):
    """Show and Tell's decoder (Vinyals et al. 2015, section 3.1).

    An LSTM that is shown the embedded photo once, at its first step, then the words one by one.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        embedding: int = 512,
        **dropouts: float,
    ):
        super().__init__(vocabulary_size, units, embedding, **dropouts)
        self.image_embedding = layers.Dense(embedding, name="image_embedding")
        self.lstm = LSTM(units, name="lstm")

    def start(self, features: Features, training: bool = False) -> tuple[Tensor, Memory]:
        whole = self.look(features, training)
        image = self.dropout(self.image_embedding(self.shown(whole)), training=training)
        return self.lstm(
            image, ops.zeros((ops.shape(image)[0], self.state_size), image.dtype)
        ), None

    def shown(self, whole: Tensor) -> Tensor:
        """What of the whole photo (photos, n) is embedded."""
        return whole

    def advance(self, word: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        state = self.lstm(word, state)
        return state[:, : self.units], state
