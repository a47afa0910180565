import keras
import numpy as np
import pytest

from training.decoders import LSTM, ShowAndTell

FEATURES, WORDS, UNITS = 7, 11, 5


@pytest.fixture
def decoder() -> ShowAndTell:
    keras.utils.set_random_seed(0)
    decoder = ShowAndTell(WORDS, UNITS, embedding=6, feature_dropout=0.5, dropout=0.5)
    decoder(np.zeros((1, FEATURES), np.float32), np.zeros((1, 1), np.int32))
    return decoder


def test_steps_say_what_whole_captions_say(decoder):
    random = np.random.default_rng(0)
    features = random.normal(size=(2, FEATURES)).astype(np.float32)
    words = random.integers(WORDS, size=(2, 4)).astype(np.int32)
    logits = keras.ops.log_softmax(decoder(features, words)).numpy()
    state = decoder.start(features)
    for time in range(4):
        log_probabilities, state = decoder.step(state, words[:, time])
        np.testing.assert_allclose(log_probabilities, logits[:, time], atol=1e-5)


def test_the_photo_is_seen_once_then_forgotten_by_nobody(decoder):
    words = np.zeros((2, 6), np.int32)
    features = np.eye(2, FEATURES, dtype=np.float32)
    logits = decoder(features, words).numpy()
    assert np.abs(logits[0, -1] - logits[1, -1]).max() > 1e-4


def test_log_probabilities_are_normalised(decoder):
    log_probabilities, _ = decoder.step(np.ones((3, 2 * UNITS), np.float32), np.arange(3))
    np.testing.assert_allclose(np.exp(log_probabilities).sum(axis=1), 1, atol=1e-5)


def test_dropout_works_in_training_alone(decoder):
    features, words = np.ones((1, FEATURES), np.float32), np.ones((1, 3), np.int32)
    assert np.array_equal(decoder(features, words), decoder(features, words))
    first, second = (decoder(features, words, training=True).numpy() for _ in range(2))
    assert not np.array_equal(first, second)


def test_the_lstm_agrees_with_keras():
    """Keras' gates are in the order input, forget, candidate, output; ours as in TensorFlow 1."""
    random = np.random.default_rng(0)
    inputs = random.normal(size=(2, 4, 3)).astype(np.float32)
    ours = LSTM(UNITS)
    ours(inputs)
    kernel, recurrent, bias = (random.normal(size=one.shape) for one in ours.weights)
    ours.set_weights([kernel, recurrent, bias])
    theirs = keras.layers.LSTM(UNITS, return_sequences=True)
    theirs(inputs)
    order = np.r_[0:5, 10:15, 5:10, 15:20]
    theirs.set_weights([kernel[:, order], recurrent[:, order], bias[order]])
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-5)


def test_features_are_standardised_by_what_it_was_adapted_to(decoder):
    photos = np.random.default_rng(0).normal(3.0, 2.0, size=(500, FEATURES))
    decoder.standardise.adapt(photos)
    standardised = decoder.standardise(photos.astype(np.float32)).numpy()
    np.testing.assert_allclose(standardised.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(standardised.std(axis=0), 1, atol=2e-3)
