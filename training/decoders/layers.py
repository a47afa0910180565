"""What decoders are made of."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from training.encoders.encoder import Tensor


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
        """Takes mean and deviation from features, (photos, n) or (photos, cells, n)."""
        rows = features.reshape(-1, features.shape[-1]).astype(np.float32)
        self.mean.assign(rows.mean(axis=0))
        self.scale.assign(1 / (rows.std(axis=0) + 1e-3))

    def call(self, features: Tensor) -> Tensor:
        return (features - self.mean) * self.scale


class Frozen(layers.Layer):
    """A dense layer without an activation whose weights stay as they are set.

    Not a Dense that is not trainable: what holds it may be switched to be trained, and that goes
    for all that it holds.
    """

    def __init__(self, units: int, name: str | None = None):
        super().__init__(name=name)
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(
            shape=shape, initializer="glorot_uniform", trainable=False, name="kernel"
        )
        self.bias = self.add_weight(
            shape=(self.units,), initializer="zeros", trainable=False, name="bias"
        )

    def call(self, inputs: Tensor) -> Tensor:
        return ops.matmul(inputs, self.kernel) + self.bias


class LSTM(layers.Layer):
    """An LSTM whose state is one array [h, c], so that a beam search reorders it with one index.

    Gates are in TensorFlow 1's order input, candidate, forget, output.
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

    def call(self, inputs: Tensor, state: Tensor, shown: Tensor | float = 0.0) -> Tensor:
        """The next state (batch, 2 × units), for inputs (batch, n).

        Args:
            shown: (batch, 4 × units), what the gates get besides.
        """
        h, c = ops.split(state, 2, axis=1)
        gates = inputs @ self.kernel + h @ self.recurrent_kernel + self.bias + shown
        i, g, f, o = ops.split(gates, 4, axis=1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.concatenate([ops.sigmoid(o) * ops.tanh(c), c], axis=1)


class Attention(layers.Layer):
    """Soft attention over the cells of a photo (Xu et al. 2015, section 4.2), a cell's weight being
    the product of its key and the query (Luong et al. 2015, section 3.1; scaled as in Vaswani et
    al. 2017). Xu's sum of the two inside a tanh costs ten times as much in training.

    The memory of a photo is, for each cell, what it is found by (its key) and what it says (its
    value), side by side.
    """

    def __init__(self, size: int, values: int, dropout: float, name: str | None = None):
        super().__init__(name=name)
        self.size = size
        self.value = layers.Dense(values, activation="relu", name="value")
        self.key = layers.Dense(size, name="key")
        self.query = layers.Dense(size, name="query")
        self.dropout = layers.Dropout(dropout)

    def remember(self, cells: Tensor, training: bool = False) -> Tensor:
        """The memory (photos, cells, size + values) of cells (photos, cells, n)."""
        # Not in call(), so Keras would name the weights as if they were not this layer's.
        with keras.name_scope(self.name):
            values = self.dropout(self.value(cells), training=training)
            return ops.concatenate([self.key(values), values], axis=-1)

    def call(self, asking: Tensor, memory: Tensor) -> Tensor:
        """What is seen, (photos × k, values), by each of k (photos × k, n) that look at a photo."""
        keys, values = memory[..., : self.size], memory[..., self.size :]
        queries = ops.reshape(self.query(asking), (ops.shape(memory)[0], -1, self.size))
        energies = ops.matmul(queries, ops.swapaxes(keys, 1, 2)) / self.size**0.5
        seen = ops.matmul(ops.softmax(energies), values)
        return ops.reshape(seen, (-1, values.shape[-1]))


def repeat(rows: Tensor, each: Tensor | int) -> Tensor:
    """Each row of (n, m) so many times, one after the other: (n × each, m)."""
    # Not ops.repeat(), which on PyTorch waits for the GPU.
    count, size = ops.shape(rows)[0], rows.shape[1]
    return ops.reshape(ops.broadcast_to(rows[:, None], (count, each, size)), (-1, size))
