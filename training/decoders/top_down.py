"""The top-down attention decoder of Anderson et al. 2018, over the cells of a map."""

from __future__ import annotations

import tensorflow as tf
from keras import layers

from training.decoders.attending import Attending
from training.decoders.base import Memory
from training.decoders.front import Front
from training.decoders.layers import LSTM


class TopDown(Attending):
    """One LSTM decides where to look, another what to say (section 3.2).

    The whole photo is shown once, before the words, as to Show and Tell.
    """

    def __init__(
        self, front: Front, vocabulary_size: int, units: int, embedding: int, **dropouts: float
    ):
        super().__init__(front, vocabulary_size, units, embedding, **dropouts)
        self.image_embedding = layers.Dense(embedding + units, name="image_embedding")
        self.looking = LSTM(units, name="looking")
        self.saying = LSTM(units, name="saying")

    @property
    def state_size(self) -> int:
        return 4 * self.units

    def start(self, features: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, Memory]:
        whole, cells = self.look(features, training)
        image = self.dropout(self.image_embedding(whole), training=training)
        nothing = tf.zeros((tf.shape(image)[0], 2 * self.units), image.dtype)
        memory = self.attention.remember(self.cells(cells), training)
        return tf.concat([self.looking(image, nothing), nothing], axis=1), memory

    def advance(
        self, word: tf.Tensor, state: tf.Tensor, memory: Memory
    ) -> tuple[tf.Tensor, tf.Tensor]:
        looking, saying = state[:, : 2 * self.units], state[:, 2 * self.units :]
        looking = self.looking(tf.concat([word, saying[:, : self.units]], axis=1), looking)
        looked = looking[:, : self.units]
        seen = self.attention(looked, memory)
        saying = self.saying(tf.concat([seen, looked], axis=1), saying)
        return saying[:, : self.units], tf.concat([looking, saying], axis=1)
