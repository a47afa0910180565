"""What holds for every decoder."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.decoders.small import (
    EACH,
    PHOTOS,
    SHAPES,
    UNITS,
    WORDS,
    captions,
    photos,
    small_decoder,
)
from training.decoders import DECODERS, Decoder
from training.decoders.building import build_decoder
from training.export.conversion import convert_decoder
from training.recipes import DecoderConfig


@pytest.fixture(params=DECODERS)
def decoder(request: pytest.FixtureRequest) -> Decoder:
    keras.utils.set_random_seed(0)
    return small_decoder(request.param)


def test_steps_say_what_whole_captions_say(decoder: Decoder):
    words = captions(4)
    expected = keras.ops.log_softmax(decoder(photos(), words)).numpy()
    state, memory = decoder.start(photos())
    state = np.repeat(state, EACH, axis=0)
    for time in range(4):
        log_probabilities, state = decoder.step(state, words[:, time], memory)
        np.testing.assert_allclose(log_probabilities, expected[:, time], atol=1e-5)


def test_captions_depend_on_their_own_photo_alone(decoder: Decoder):
    words = captions(4)
    together = decoder(photos(), words).numpy()
    for photo in range(PHOTOS):
        rows = slice(photo * EACH, (photo + 1) * EACH)
        features = {name: values[photo : photo + 1] for name, values in photos().items()}
        np.testing.assert_allclose(decoder(features, words[rows]), together[rows], atol=1e-5)


def test_the_photo_is_forgotten_by_nobody(decoder: Decoder):
    features = photos()
    features["pooled"] *= 5
    features["grid"] *= 5
    logits = decoder(features, np.zeros((PHOTOS, 6), np.int32)).numpy()
    assert np.abs(logits[0, -1] - logits[1, -1]).max() > 1e-4


def test_log_probabilities_are_normalised(decoder: Decoder):
    state, memory = decoder.start(photos())
    log_probabilities, following = decoder.step(state, np.arange(PHOTOS), memory)
    np.testing.assert_allclose(np.exp(log_probabilities).sum(axis=1), 1, atol=1e-5)
    assert following.shape == (PHOTOS, decoder.state_size)


def test_dropout_works_in_training_alone(decoder: Decoder):
    words = captions(3)
    assert np.array_equal(decoder(photos(), words), decoder(photos(), words))
    first, second = (decoder(photos(), words, training=True).numpy() for _ in range(2))
    assert not np.array_equal(first, second)


def test_every_weight_is_trained_but_those_measured_beforehand(decoder: Decoder):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(decoder(photos(), captions(4))))
    gradients = tape.gradient(loss, decoder.trainable_variables)
    for variable, gradient in zip(decoder.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        if "key/bias" not in variable.path:  # The same for all cells, so it cancels out.
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.path


def test_the_converted_decoder_says_the_same(decoder: Decoder):
    from ai_edge_litert.interpreter import Interpreter

    features = photos(1)
    graph = Interpreter(model_content=convert_decoder(decoder, SHAPES))
    given = {name: features[name] for name in decoder.uses}
    started = graph.get_signature_runner("start")(**given)
    state, memory = decoder.start(features)
    np.testing.assert_allclose(started["state"], state, atol=0.1)
    step = graph.get_signature_runner("step")
    for hypotheses in (1, 3):
        words = np.arange(3, 3 + hypotheses, dtype=np.int32)
        given = started | {"state": np.repeat(started["state"], hypotheses, axis=0)}
        theirs = step(**given, words=words)
        ours, _ = decoder.step(np.repeat(state, hypotheses, axis=0), words, memory)
        np.testing.assert_allclose(theirs["log_probabilities"], ours, atol=0.1)


@pytest.mark.parametrize(
    ("architecture", "missing"),
    [("soft_attention", "needs grid features"), ("neural_baby_talk", "needs grid and regions")],
)
def test_a_decoder_refuses_features_without_what_it_uses(architecture: str, missing: str):
    with pytest.raises(ValueError, match=f"{architecture} {missing}.* only pooled"):
        build_decoder(DecoderConfig(architecture), WORDS, {"pooled": (7,)})


def test_of_a_grid_alone_the_pooled_features_are_the_mean():
    config = DecoderConfig("top_down", UNITS, 6)
    decoder = build_decoder(config, WORDS, {"grid": SHAPES["grid"]})
    grid, words = photos()["grid"], captions(4)
    both = {"pooled": grid.mean(axis=1), "grid": grid}
    np.testing.assert_allclose(decoder({"grid": grid}, words), decoder(both, words), atol=1e-6)


def test_the_predictor_of_attributes_stays_as_it_was_trained_by_itself():
    """Also after the decoder was left out of a stage and is trained in the next."""
    decoder = build_decoder(DecoderConfig("attributes", UNITS, 6), WORDS, SHAPES)
    for trainable in (False, True):
        decoder.trainable = trainable
    trained = {variable.path for variable in decoder.trainable_variables}
    assert trained and not any("predictor" in path for path in trained)
    assert any("predictor" in variable.path for variable in decoder.variables)
