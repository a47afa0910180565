import keras
import numpy as np

from training.decoders.layers import LSTM, Attention, Standardise

UNITS = 5


def test_the_lstm_agrees_with_keras():
    """Keras' gates are in the order input, forget, candidate, output; ours as in TensorFlow 1."""
    random = np.random.default_rng(0)
    inputs = random.normal(size=(2, 4, 3)).astype(np.float32)
    ours = LSTM(UNITS)
    ours(inputs[:, 0], np.zeros((2, 2 * UNITS), np.float32))
    kernel, recurrent, bias = (random.normal(size=one.shape) for one in ours.weights)
    ours.set_weights([kernel, recurrent, bias])
    theirs = keras.layers.LSTM(UNITS, return_sequences=True)
    theirs(inputs)
    order = np.r_[0:5, 10:15, 5:10, 15:20]
    theirs.set_weights([kernel[:, order], recurrent[:, order], bias[order]])
    state = np.zeros((2, 2 * UNITS), np.float32)
    for time in range(4):
        state = ours(inputs[:, time], state)
        np.testing.assert_allclose(state[:, :UNITS], theirs(inputs)[:, time], atol=1e-5)


def test_features_are_standardised_by_what_it_was_adapted_to():
    photos = np.random.default_rng(0).normal(3.0, 2.0, size=(50, 10, 7))
    layer = Standardise()
    layer.build((None, 7))
    layer.adapt(photos)
    standardised = layer(photos.astype(np.float32)).numpy().reshape(-1, 7)
    np.testing.assert_allclose(standardised.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(standardised.std(axis=0), 1, atol=2e-3)


def test_attention_is_a_mean_of_values_weighted_by_their_keys():
    """Against the formula, written out for each caption by itself."""
    random = np.random.default_rng(0)
    cells = random.normal(size=(2, 4, 6)).astype(np.float32)
    asking = random.normal(size=(6, 5)).astype(np.float32)
    layer = Attention(size=3, values=7, dropout=0.0)
    memory = layer.remember(cells)
    seen = layer(asking, memory).numpy()
    values = np.maximum(cells @ layer.value.kernel + layer.value.bias, 0)
    keys = values @ layer.key.kernel.numpy() + layer.key.bias
    queries = asking @ layer.query.kernel.numpy() + layer.query.bias
    for row, query in enumerate(queries):
        photo = row // 3
        weights = np.exp(keys[photo] @ query / 3**0.5)
        expected = weights @ values[photo] / weights.sum()
        np.testing.assert_allclose(seen[row], expected, rtol=1e-4, atol=1e-5)
