"""The top-down attention decoder of Anderson et al. 2018, over the cells of a map."""

from __future__ import annotations

from keras import layers, ops

from training.decoders.attending import Attending
from training.decoders.base import Features, Memory
from training.decoders.layers import LSTM
from training.encoders.encoder import Tensor


class TopDown(Attending):
    """One LSTM decides where to look, another what to say (section 3.2).

    The whole photo is shown to the first at each word.
    """

    def __init__(self, vocabulary_size: int, units: int, embedding: int, **dropouts: float):
        super().__init__(vocabulary_size, units, embedding, **dropouts)
        self.image_embedding = layers.Dense(4 * units, name="image_embedding")
        self.looking = LSTM(units, name="looking")
        self.saying = LSTM(units, name="saying")

    @property
    def state_size(self) -> int:
        """Of both LSTMs, and what of the photo goes to the gates of the first."""
        return 8 * self.units

    def start(self, features: Features, training: bool = False) -> tuple[Tensor, Memory]:
        whole = self.look(features, training)
        image = self.image_embedding(whole)
        memory = self.remember(features, training)
        return ops.concatenate([ops.zeros_like(image), image], axis=1), memory

    def advance(self, word: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        looking, saying, image = ops.split(state, [2 * self.units, 4 * self.units], axis=1)
        said, _ = ops.split(saying, 2, axis=1)
        looking = self.looking(ops.concatenate([word, said], axis=1), looking, image)
        looked, _ = ops.split(looking, 2, axis=1)
        seen = self.attention(looked, memory)
        saying = self.saying(ops.concatenate([seen, looked], axis=1), saying)
        said, _ = ops.split(saying, 2, axis=1)
        return said, ops.concatenate([looking, saying, image], axis=1)
