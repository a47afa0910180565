"""Caption decoders by name.

A decoder reads photo features and words, and predicts the next word. Training sees whole captions
at once (`call`), serving one step at a time (`start`, `step`).
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers


class ShowAndTell(keras.Model):
    """Show and Tell's decoder (Vinyals et al. 2015, section 3.1).

    An LSTM that is shown the embedded photo once, at its first step, then the words one by one.
    """

    def __init__(
        self,
        vocabulary_size: int,
        units: int = 512,
        embedding: int = 512,
        feature_dropout: float = 0.0,
        dropout: float = 0.0,
    ):
        """dropout is applied to the LSTM's inputs and outputs (Zaremba et al. 2014)."""
        super().__init__()
        self.units = units
        self.standardise = Standardise(name="standardise")
        self.feature_dropout = layers.Dropout(feature_dropout)
        self.dropout = layers.Dropout(dropout)
        self.image_embedding = layers.Dense(embedding, name="image_embedding")
        self.word_embedding = layers.Embedding(vocabulary_size, embedding, name="word_embedding")
        self.lstm = LSTM(units, name="lstm")
        self.logits = layers.Dense(vocabulary_size, name="logits")

    def call(self, features: tf.Tensor, words: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Predicts each next word of whole captions.

        Args:
            features: float32 (batch, n) from the encoder.
            words: int32 (batch, time), beginning with `<start>`.

        Returns:
            float32 logits (batch, time, vocabulary): what follows each word.
        """
        features = self.feature_dropout(self.standardise(features), training=training)
        image = self.image_embedding(features)
        inputs = tf.concat([image[:, None], self.word_embedding(words)], axis=1)
        inputs = self.dropout(inputs, training=training)
        outputs = self.lstm(inputs)[:, 1:]
        return self.logits(self.dropout(outputs, training=training))

    def start(self, features: tf.Tensor) -> tf.Tensor:
        """The state after the photo: float32 (batch, 2 × units), from features (batch, n)."""
        image = self.image_embedding(self.standardise(features))
        return self.lstm.step(image, tf.zeros((tf.shape(features)[0], 2 * self.units)))

    def step(self, state: tf.Tensor, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One word further.

        Args:
            state: float32 (batch, 2 × units), from start() or step().
            words: int32 (batch,), the last word of each caption.

        Returns:
            float32 (batch, vocabulary) log-probabilities of the next word, and the next state.
        """
        state = self.lstm.step(self.word_embedding(words), state)
        return tf.nn.log_softmax(self.logits(state[:, : self.units])), state


class Standardise(layers.Layer):
    """Features with mean 0 and deviation 1 over the training photos, each dimension by itself.

    A CNN's pooled features are all positive and far from each other in scale. Without this the
    LSTM, which is shown them once, takes many epochs to notice that photos differ.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1],)
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")

    def adapt(self, features: np.ndarray) -> None:
        """Takes mean and deviation from features, (photos, n)."""
        features = features.astype(np.float32)
        self.mean.assign(features.mean(axis=0))
        self.scale.assign(1 / (features.std(axis=0) + 1e-3))

    def call(self, features: tf.Tensor) -> tf.Tensor:
        return (features - self.mean) * self.scale


class LSTM(layers.Layer):
    """An LSTM whose state is one array [h, c], so that a beam search reorders it with one index.

    Gates are in TensorFlow 1's order input, candidate, forget, output; the forget gate's bias
    starts at 1 (Jozefowicz et al. 2015).
    """

    def __init__(self, units: int, name: str | None = None):
        super().__init__(name=name)
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        units, inputs = self.units, input_shape[-1]
        self.kernel = self.add_weight(
            shape=(inputs, 4 * units), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(units, 4 * units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(4 * units,), initializer="zeros", name="bias")
        self.bias.assign(tf.concat([tf.zeros(2 * units), tf.ones(units), tf.zeros(units)], 0))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """All outputs, float32 (batch, time, units), of inputs (batch, time, n)."""
        projected = tf.tensordot(inputs, self.kernel, 1) + self.bias
        steps = tf.unstack(projected, axis=1)
        h = c = tf.zeros((tf.shape(inputs)[0], self.units), inputs.dtype)
        outputs = []
        for gates in steps:
            h, c = self._gate(gates + h @ self.recurrent_kernel, c)
            outputs.append(h)
        return tf.stack(outputs, axis=1)

    def step(self, inputs: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """The next state (batch, 2 × units), for inputs (batch, n)."""
        if not self.built:
            self.build(tuple(inputs.shape))
        h, c = state[:, : self.units], state[:, self.units :]
        gates = inputs @ self.kernel + h @ self.recurrent_kernel + self.bias
        return tf.concat(self._gate(gates, c), axis=1)

    @staticmethod
    def _gate(gates: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        i, g, f, o = tf.split(gates, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c


DECODERS = {"show_and_tell": ShowAndTell}
