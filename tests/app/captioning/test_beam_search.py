"""Beam search against an exhaustive search, over a random language that needs no weights."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.captioning.beam_search import Hypothesis, Rules, beam_search

START, END, UNKNOWN = range(3)
WORDS = 6


class RandomLanguage:
    """Log-probabilities that depend on the photo and on all words so far, which are the state."""

    def __init__(self, seed: int, steps: int = 30):
        self.seed = seed
        self.steps = steps

    def state(self, photo: int) -> np.ndarray:
        return np.array([[photo, 0.0] + [0.0] * self.steps], np.float32)

    def step(self, state: np.ndarray, words: np.ndarray):
        state = state.copy()
        for row, word in zip(state, words, strict=True):
            row[1] += 1
            row[1 + int(row[1])] = word
        return np.stack([self.log_probabilities(row) for row in state]), state

    def log_probabilities(self, row: np.ndarray) -> np.ndarray:
        so_far = [int(value) for value in row[2 : 2 + int(row[1])]]
        random = np.random.default_rng([self.seed, int(row[0]), *so_far])
        logits = random.normal(size=WORDS) * 2
        return (logits - np.log(np.exp(logits).sum())).astype(np.float32)

    def log_probability(self, photo: int, words: tuple[int, ...]) -> float:
        total, state = 0.0, self.state(photo)
        for last, following in itertools.pairwise((START, *words, END)):
            log_probabilities, state = self.step(state, np.array([last]))
            total += float(log_probabilities[0, following])
        return total


def rules(**changes) -> Rules:
    return Rules(
        **{"start": START, "end": END, "banned": (START, UNKNOWN), "max_words": 3} | changes
    )


def search(language: RandomLanguage, width: int, rules: Rules, photo: int = 0) -> list[Hypothesis]:
    (found,) = beam_search(language.state(photo), language.step, width, rules)
    return found


def loops(words: tuple[int, ...]) -> bool:
    return any(
        words[at : at + n] == words[at + n : at + 2 * n]
        for n in range(1, len(words) // 2 + 1)
        for at in range(len(words) - 2 * n + 1)
    )


def has_trigram_twice(words: tuple[int, ...]) -> bool:
    trigrams = [words[at : at + 3] for at in range(len(words) - 2)]
    return len(set(trigrams)) < len(trigrams)


def allowed(max_words: int):
    words = [word for word in range(WORDS) if word not in (START, END, UNKNOWN)]
    for length in range(1, max_words + 1):
        for caption in itertools.product(words, repeat=length):
            if not loops(caption) and not has_trigram_twice(caption):
                yield caption


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 1.0]))
def test_a_beam_as_wide_as_the_language_finds_what_an_exhaustive_search_finds(seed, penalty):
    language = RandomLanguage(seed)
    ranked = sorted(
        (language.log_probability(0, words) / (len(words) + 1) ** penalty, words)
        for words in allowed(4)
    )[::-1]
    found = search(language, 200, rules(max_words=4, length_penalty=penalty))
    assert [one.words for one in found[:5]] == [words for _, words in ranked[:5]]


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_each_hypothesis_has_the_probability_of_its_words(seed, width):
    language = RandomLanguage(seed)
    for one in search(language, width, rules(max_words=8)):
        assert math.isclose(
            one.log_probability, language.log_probability(0, one.words), abs_tol=1e-4
        )


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_no_caption_is_empty_or_banned_or_loops_or_is_too_long(seed, width):
    found = search(RandomLanguage(seed), width, rules(max_words=12))
    assert 1 <= len(found) <= width
    assert len({one.words for one in found}) == len(found)
    for one in found:
        assert 1 <= len(one.words) <= 12
        assert not {START, END, UNKNOWN} & set(one.words)
        assert not loops(one.words)
        assert not has_trigram_twice(one.words)


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_the_best_comes_first(seed, width):
    found = search(RandomLanguage(seed), width, rules(max_words=6))
    ranks = [one.log_probability / (len(one.words) + 1) for one in found]
    assert ranks == sorted(ranks, reverse=True)


@given(st.integers(0, 1_000), st.integers(1, 4), st.integers(2, 5))
def test_photos_searched_side_by_side_get_what_each_gets_alone(seed, width, photos):
    language = RandomLanguage(seed)
    states = np.concatenate([language.state(photo) for photo in range(photos)])
    together = beam_search(states, language.step, width, rules(max_words=6))
    alone = [search(language, width, rules(max_words=6), photo) for photo in range(photos)]
    assert together == alone


def test_a_model_that_says_one_word_for_ever_is_stopped():
    def step(state, words):
        log_probabilities = np.full((len(words), WORDS), -9.0, np.float32)
        log_probabilities[:, 3] = -0.001
        return log_probabilities, state

    (found,) = beam_search(np.zeros((1, 1), np.float32), step, 3, rules(max_words=10))
    assert found
    assert not any(loops(one.words) for one in found)


def test_it_stops_as_soon_as_nothing_better_can_come():
    steps = []

    def step(state, words):
        steps.append(len(words))
        log_probabilities = np.full((len(words), WORDS), -50.0, np.float32)
        log_probabilities[:, 3 if len(steps) == 1 else END] = -0.001
        return log_probabilities, state

    (found,) = beam_search(np.zeros((1, 1), np.float32), step, 1, rules(max_words=20))
    assert found[0].words == (3,)
    assert len(steps) == 2


def test_a_beam_of_no_width_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        search(RandomLanguage(0), 0, rules())
