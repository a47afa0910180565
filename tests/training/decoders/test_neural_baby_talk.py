"""Words that point at regions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.captioning.beam_search import Rules, beam_search
from app.captioning.captioner import caption_rules
from app.captioning.detector import REGIONS, ROW
from app.captioning.objects import objects, words
from app.captioning.visual_words import VisualWords
from app.captioning.vocabulary import SPECIAL, Vocabulary
from training.decoders.building import build_decoder
from training.decoders.neural_baby_talk import NeuralBabyTalk
from training.recipes import DecoderConfig, LanguageConfig

VOCABULARY = LanguageConfig(grounded=True).vocabulary(
    Vocabulary([*SPECIAL, "a", "two", "runs", "run"]), "en"
)
VISUAL = VisualWords.of(VOCABULARY, words("en"))
RULES = caption_rules(VOCABULARY, 5, 1.0)
SHAPES = {"pooled": (5,), "grid": (4, 3), "regions": (REGIONS, ROW)}
NAMES = list(objects())

Features = dict[str, np.ndarray]


@pytest.fixture
def decoder() -> NeuralBabyTalk:
    keras.utils.set_random_seed(0)
    config = DecoderConfig("neural_baby_talk", 24, 24, feature_dropout=0, dropout=0)
    decoder = build_decoder(config, len(VOCABULARY), SHAPES)
    decoder.learn_words(VOCABULARY, "en")
    return decoder


def photo(*names: str) -> Features:
    """Features of a photo with these objects, each with a look of its own."""
    features = {name: np.zeros((1, *shape), np.float32) for name, shape in SHAPES.items()}
    for row, name in zip(features["regions"][0], names, strict=False):
        look = np.random.default_rng(NAMES.index(name)).normal(size=ROW - 7)
        row[:-7], row[-7:] = look, [0.1, 0.1, 0.5, 0.5, 0.16, 0.9, NAMES.index(name) + 1]
    return features


def together(*photos: Features) -> Features:
    return {name: np.concatenate([one[name] for one in photos]) for name in SHAPES}


def photo_rules(*names: str) -> Rules:
    return VISUAL.rules(RULES, [NAMES.index(name) for name in names])


def tokens_said(decoder: NeuralBabyTalk, features: Features) -> np.ndarray:
    """Chances of the first token."""
    return np.exp(decoder(features, np.array([[Vocabulary.start]], np.int32)).numpy()[0, 0])


def likelihood(decoder: NeuralBabyTalk, features: Features, word: str) -> float:
    start = np.array([[Vocabulary.start]], np.int32)
    said, _ = decoder.log_likelihood(features, start, np.array([VOCABULARY.encode([word])]))
    return float(np.exp(said[0, 0]))


def test_only_regions_that_are_there_are_pointed_at(decoder: NeuralBabyTalk):
    chances = tokens_said(decoder, photo("dog", "pizza"))
    rules = photo_rules("dog", "pizza")
    assert chances[rules.surface_forms == Vocabulary.unknown][1:].max() == 0
    for name in ("dog", "pizza"):
        mine = VISUAL.tokens(name, rules)
        pointing = [token for token in mine if token >= len(VOCABULARY)]
        assert chances[pointing].sum() > 0.05


def test_a_word_that_names_a_region_is_said_by_pointing_at_it(decoder: NeuralBabyTalk):
    chances = tokens_said(decoder, photo("dog", "dog"))
    forms = photo_rules("dog", "dog").surface_forms
    (dog,) = VOCABULARY.encode(["dog"])
    pointing = [token for token in np.flatnonzero(forms == dog) if token >= len(VOCABULARY)]
    assert len(pointing) == 2
    assert likelihood(decoder, photo("dog", "dog"), "dog") == pytest.approx(
        chances[pointing].sum(), rel=1e-4
    )


def test_a_word_that_names_no_region_is_textual(decoder: NeuralBabyTalk):
    chances = tokens_said(decoder, photo("dog"))
    (cat,) = VOCABULARY.encode(["cat"])
    assert likelihood(decoder, photo("dog"), "cat") == pytest.approx(chances[cat], rel=1e-4)


def test_a_token_goes_on_as_its_surface_form(decoder: NeuralBabyTalk):
    features = photo("pizza", "dog")
    state, memory = decoder.start(features)
    forms = photo_rules("pizza", "dog").surface_forms
    (puppies,) = VOCABULARY.encode(["puppies"])
    word, token = np.flatnonzero(forms == puppies)
    both, _ = decoder.step(np.repeat(state, 2, 0), np.array([word, token], np.int32), memory)
    np.testing.assert_allclose(both[0], both[1], rtol=1e-5)


def test_tokens_of_sampled_captions_are_read_as_words_of_their_own_photo(decoder: NeuralBabyTalk):
    _, memory = decoder.start(together(photo("pizza", "dog"), photo("cat")))
    rules = [photo_rules("pizza", "dog"), photo_rules("cat")]
    random = np.random.default_rng(0)
    meaningful = [np.flatnonzero(one.surface_forms != Vocabulary.unknown) for one in rules]
    tokens = [random.choice(one, (3, 40)) for one in meaningful]
    read = decoder.surface(np.concatenate(tokens).astype(np.int32), memory)
    expected = [one.surface_forms[of_photo] for one, of_photo in zip(rules, tokens, strict=True)]
    assert np.array_equal(read, np.concatenate(expected))


def teach(decoder: NeuralBabyTalk, lessons: list[tuple[Features, str]]) -> None:
    features = together(*(seen for seen, _ in lessons))
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


def say(decoder: NeuralBabyTalk, features: Features, *names: str) -> tuple[str, list[int | None]]:
    """The best caption, and the region of each word."""
    state, memory = decoder.start(features)
    rules = photo_rules(*names)

    def step(state: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probabilities, state = decoder.step(state, last, memory)
        return log_probabilities.numpy(), state.numpy()

    ((best, *_),) = beam_search(state.numpy(), step, 3, rules)
    words = VOCABULARY.decode(rules.surface(best.words))
    return " ".join(words), [VISUAL.region(token) for token in best.words]


def test_what_was_never_taught_is_named_all_the_same(decoder: NeuralBabyTalk):
    taught = ("dog", "cat", "horse", "cow", "bird", "sheep", "bear", "zebra")
    teach(decoder, [(photo(name), f"a {name} runs") for name in taught])
    assert say(decoder, photo("dog"), "dog") == ("a dog runs", [None, 0, None])
    assert say(decoder, photo("elephant"), "elephant") == ("a elephant runs", [None, 0, None])
