"""Words that point at regions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.captioning.beam_search import Rules, beam_search
from app.captioning.captioner import caption_rules
from app.captioning.detector import REGIONS, ROW
from app.captioning.objects import objects
from app.captioning.vocabulary import SPECIAL, Vocabulary
from training.decoders.front import Block, Mean, TailShape, front_for
from training.decoders.neural_baby_talk import NeuralBabyTalk
from training.recipes import Recipe
from training.train.trainer import visual_words

RECIPE = Recipe("en", decoder="neural_baby_talk", grounded=True)
VOCABULARY = RECIPE.vocabulary(Vocabulary([*SPECIAL, "a", "two", "runs", "run"]))
VISUAL = visual_words(VOCABULARY, "en")
RULES = caption_rules(VOCABULARY, 5, 1.0)
HEAD, CELLS, CELL = 5, 4, 3
NAMES = list(objects())


@pytest.fixture
def decoder() -> NeuralBabyTalk:
    keras.utils.set_random_seed(0)
    tail = TailShape((Block(3, 8, 3, CELL),), HEAD)
    shape = (HEAD + CELLS * CELL + REGIONS * ROW,)
    decoder = NeuralBabyTalk(front_for(shape, tail), len(VOCABULARY), 24, 24)
    decoder(np.zeros((1, *shape), np.float32), np.zeros((1, 1), np.int32))
    decoder.learn_words(VOCABULARY, "en")
    return decoder


def photo(*names: str) -> np.ndarray:
    """Features of a photo with these objects, each with a look of its own."""
    regions = np.zeros((REGIONS, ROW), np.float32)
    for row, name in zip(regions, names, strict=False):
        look = np.random.default_rng(NAMES.index(name)).normal(size=ROW - 7)
        row[:-7], row[-7:] = look, [0.1, 0.1, 0.5, 0.5, 0.16, 0.9, NAMES.index(name) + 1]
    return np.concatenate([np.zeros(HEAD + CELLS * CELL, np.float32), regions.ravel()])[None]


def photo_rules(*names: str) -> Rules:
    return VISUAL.rules(RULES, [NAMES.index(name) for name in names])


def tokens_said(decoder: NeuralBabyTalk, features: np.ndarray) -> np.ndarray:
    """Chances of the first token."""
    return np.exp(decoder(features, np.array([[Vocabulary.start]], np.int32)).numpy()[0, 0])


def likelihood(decoder: NeuralBabyTalk, features: np.ndarray, word: str) -> float:
    start = np.array([[Vocabulary.start]], np.int32)
    said, _ = decoder.log_likelihood(features, start, np.array([VOCABULARY.encode([word])]))
    return float(np.exp(said[0, 0]))


def test_only_regions_that_are_there_are_pointed_at(decoder: NeuralBabyTalk):
    chances = tokens_said(decoder, photo("dog", "pizza"))
    rules = photo_rules("dog", "pizza")
    assert chances[rules.spoken == Vocabulary.unknown][1:].max() == 0
    for name in ("dog", "pizza"):
        mine = VISUAL.tokens(name, rules)
        pointing = [token for token in mine if token >= len(VOCABULARY)]
        assert chances[pointing].sum() > 0.05


def test_a_word_that_names_a_region_is_said_by_pointing_at_it(decoder: NeuralBabyTalk):
    chances = tokens_said(decoder, photo("dog", "dog"))
    heard = photo_rules("dog", "dog").spoken
    (dog,) = VOCABULARY.encode(["dog"])
    pointing = [token for token in np.flatnonzero(heard == dog) if token >= len(VOCABULARY)]
    assert len(pointing) == 2
    assert likelihood(decoder, photo("dog", "dog"), "dog") == pytest.approx(
        chances[pointing].sum(), rel=1e-4
    )


def test_a_word_that_names_no_region_is_textual(decoder: NeuralBabyTalk):
    chances = tokens_said(decoder, photo("dog"))
    (cat,) = VOCABULARY.encode(["cat"])
    assert likelihood(decoder, photo("dog"), "cat") == pytest.approx(chances[cat], rel=1e-4)


def test_a_token_goes_on_as_the_word_that_is_heard(decoder: NeuralBabyTalk):
    features = photo("pizza", "dog")
    state, memory = decoder.start(features)
    heard = photo_rules("pizza", "dog").spoken
    (puppies,) = VOCABULARY.encode(["puppies"])
    word, token = np.flatnonzero(heard == puppies)
    both, _ = decoder.step(np.repeat(state, 2, 0), np.array([word, token], np.int32), memory)
    np.testing.assert_allclose(both[0], both[1], rtol=1e-5)


def test_features_without_regions_are_refused():
    with pytest.raises(ValueError, match="compute them with training.data.regions"):
        NeuralBabyTalk(Mean(), len(VOCABULARY), 24, 24)


def teach(decoder: NeuralBabyTalk, lessons: list[tuple[np.ndarray, str]]) -> None:
    features = np.concatenate([seen for seen, _ in lessons])
    decoder.adapt(features, np.zeros(0))
    rows = [VOCABULARY.encode(["<start>", *text.split(), "<end>"]) for _, text in lessons]
    words = np.array(rows, np.int32)
    optimizer = keras.optimizers.Adam(1e-2)
    variables = decoder.trainable_variables

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            said, _ = decoder.log_likelihood(features, words[:, :-1], words[:, 1:])
            loss = -tf.reduce_mean(said)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    for _ in range(60):
        loss = step()
    assert loss < 0.1


def say(decoder: NeuralBabyTalk, features: np.ndarray, *names: str) -> tuple[str, list[int | None]]:
    """The best caption, and the region of each word."""
    state, memory = decoder.start(features)
    rules = photo_rules(*names)

    def step(state: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probabilities, state = decoder.step(state, last, memory)
        return log_probabilities.numpy(), state.numpy()

    ((best, *_),) = beam_search(state.numpy(), step, 3, rules)
    words = VOCABULARY.decode(rules.heard(best.words))
    return " ".join(words), [VISUAL.region(token) for token in best.words]


def test_what_was_never_taught_is_named_all_the_same(decoder: NeuralBabyTalk):
    taught = ("dog", "cat", "horse", "cow", "bird", "sheep", "bear", "zebra")
    teach(decoder, [(photo(name), f"a {name} runs") for name in taught])
    assert say(decoder, photo("dog"), "dog") == ("a dog runs", [None, 0, None])
    assert say(decoder, photo("elephant"), "elephant") == ("a elephant runs", [None, 0, None])
