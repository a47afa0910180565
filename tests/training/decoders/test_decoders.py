"""What holds for every decoder."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.captioning.detector import REGIONS, ROW
from training.decoders import DECODERS, Decoder, decoder_class
from training.decoders.front import Block, Grounded, Pooled, Tail, TailShape, front_for
from training.decoders.neural_baby_talk import CLASSES, NeuralBabyTalk
from training.export.conversion import convert_decoder

FEATURES, CELLS, WORDS, UNITS, PHOTOS, EACH = 7, 9, 11, 5, 3, 2
TAIL = TailShape((Block(3, 8, 5, 4),), FEATURES)


def features(decoder: Decoder, photos: int = PHOTOS) -> np.ndarray:
    random = np.random.default_rng(0)
    if not isinstance(decoder.front, Grounded):
        shape = (CELLS, FEATURES) if decoder.front.cells else (FEATURES,)
        return random.normal(size=(photos, *shape)).astype(np.float32)
    regions = random.normal(size=(photos, REGIONS, ROW))
    regions[..., -1] = random.integers(CLASSES + 1, size=(photos, REGIONS))
    packed = random.normal(size=(photos, FEATURES + CELLS * 4))
    return np.concatenate([packed, regions.reshape(photos, -1)], axis=1).astype(np.float32)


@pytest.fixture(params=sorted(DECODERS))
def decoder(request: pytest.FixtureRequest) -> Decoder:
    keras.utils.set_random_seed(0)
    kind = decoder_class(request.param)
    shape, tail = (CELLS, FEATURES) if kind.needs_cells else (FEATURES,), None
    if kind is NeuralBabyTalk:
        shape, tail = (FEATURES + CELLS * 4 + REGIONS * ROW,), TAIL
    decoder = kind(front_for(shape, tail), WORDS, UNITS, 6, feature_dropout=0.5, dropout=0.5)
    decoder(np.zeros((1, *shape), np.float32), np.zeros((1, 1), np.int32))
    if isinstance(decoder, NeuralBabyTalk):
        know_anything(decoder)
    return decoder


def know_anything(decoder: NeuralBabyTalk) -> None:
    """As if it had learned which words name what."""
    random = np.random.default_rng(1)
    decoder.forms.assign(random.integers(3, WORDS, decoder.forms.shape))
    decoder.fine.assign(random.integers(3, size=decoder.fine.shape))
    decoder.plural.assign(random.integers(2, size=decoder.plural.shape))
    decoder.word_class.assign(random.integers(CLASSES + 1, size=WORDS))
    for table in (decoder.class_vectors, decoder.fine_embedding):
        table.assign(random.normal(0, 0.1, table.shape))


def test_steps_say_what_whole_captions_say(decoder: Decoder):
    words = np.random.default_rng(0).integers(WORDS, size=(PHOTOS * EACH, 4)).astype(np.int32)
    logits = keras.ops.log_softmax(decoder(features(decoder), words)).numpy()
    state, memory = decoder.start(features(decoder))
    state = np.repeat(state, EACH, axis=0)
    for time in range(4):
        log_probabilities, state = decoder.step(state, words[:, time], memory)
        np.testing.assert_allclose(log_probabilities, logits[:, time], atol=1e-5)


def test_captions_depend_on_their_own_photo_alone(decoder: Decoder):
    words = np.random.default_rng(0).integers(WORDS, size=(PHOTOS * EACH, 4)).astype(np.int32)
    seen = features(decoder)
    together = decoder(seen, words).numpy()
    for photo in range(PHOTOS):
        rows = slice(photo * EACH, (photo + 1) * EACH)
        alone = decoder(seen[photo : photo + 1], words[rows])
        np.testing.assert_allclose(alone, together[rows], atol=1e-5)


def test_the_photo_is_forgotten_by_nobody(decoder: Decoder):
    words = np.zeros((PHOTOS, 6), np.int32)
    seen = features(decoder)
    seen[..., : CELLS * 4] *= 5
    logits = decoder(seen, words).numpy()
    assert np.abs(logits[0, -1] - logits[1, -1]).max() > 1e-4


def test_log_probabilities_are_normalised(decoder: Decoder):
    state, memory = decoder.start(features(decoder))
    log_probabilities, following = decoder.step(state, np.arange(PHOTOS), memory)
    np.testing.assert_allclose(np.exp(log_probabilities).sum(axis=1), 1, atol=1e-5)
    assert following.shape == (PHOTOS, decoder.state_size)


def test_dropout_works_in_training_alone(decoder: Decoder):
    words = np.ones((PHOTOS, 3), np.int32)
    seen = features(decoder)
    assert np.array_equal(decoder(seen, words), decoder(seen, words))
    first, second = (decoder(seen, words, training=True).numpy() for _ in range(2))
    assert not np.array_equal(first, second)


def test_every_weight_is_trained_but_those_measured_beforehand(decoder: Decoder):
    words = np.random.default_rng(0).integers(WORDS, size=(PHOTOS, 4)).astype(np.int32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(decoder(features(decoder), words)))
    gradients = tape.gradient(loss, decoder.trainable_variables)
    for variable, gradient in zip(decoder.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        if "key/bias" not in variable.path:  # The same for all cells, so it cancels out.
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.path


def test_the_converted_decoder_says_the_same(decoder: Decoder):
    from ai_edge_litert.interpreter import Interpreter

    seen = features(decoder, photos=1)
    graph = Interpreter(model_content=convert_decoder(decoder, seen.shape[1:]))
    started = graph.get_signature_runner("start")(features=seen)
    state, memory = decoder.start(seen)
    np.testing.assert_allclose(started["state"], state, atol=0.1)
    words = np.array([3, 4, 5], np.int32)
    theirs = graph.get_signature_runner("step")(
        **started | {"state": np.repeat(started["state"], 3, axis=0), "words": words}
    )
    ours, _ = decoder.step(np.repeat(state, 3, axis=0), words, memory)
    np.testing.assert_allclose(theirs["log_probabilities"], ours, atol=0.1)


@pytest.mark.parametrize("name", [name for name in DECODERS if decoder_class(name).needs_cells])
def test_a_decoder_that_attends_refuses_pooled_features(name: str):
    with pytest.raises(ValueError, match="these features are pooled; compute them with --kind map"):
        decoder_class(name)(Pooled(), WORDS, UNITS, 6)


def test_a_decoder_trains_the_encoder_s_tail_where_it_has_it():
    decoder = decoder_class("soft_attention")(
        Tail([Block(3, 8, 5, 3), Block(3, 8, 3, 4)], 10), WORDS, UNITS, 6
    )
    seen = np.random.default_rng(0).normal(size=(2, 9, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_logsumexp(decoder(seen, np.zeros((2, 3), np.int32)))
    weights = decoder.front.trainable_variables
    assert len(weights) == 14
    assert all(gradient is not None for gradient in tape.gradient(loss, weights))
