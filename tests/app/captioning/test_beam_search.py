"""Beam search against an exhaustive search, over a random language that needs no weights."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.captioning.beam_search import Hypothesis, Rules, beam_search
from tests.app.captioning.languages import (
    END,
    START,
    SURFACE,
    UNKNOWN,
    WORDS,
    RandomLanguage,
    allowed,
    has_trigram_twice,
    loops,
    ranked,
    rules,
    surface,
    unlike,
)


def search(language: RandomLanguage, width: int, rules: Rules, photo: int = 0) -> list[Hypothesis]:
    (found,) = beam_search(language.state(photo), language.step, width, rules)
    return found


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 1.0]))
def test_a_beam_as_wide_as_the_language_finds_what_an_exhaustive_search_finds(seed, penalty):
    language = RandomLanguage(seed)
    ours = rules(max_words=4, length_penalty=penalty)
    found = search(language, 200, ours)
    assert [one.words for one in found[:5]] == ranked(language, ours)[:5]


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_what_is_written_neither_repeats_nor_is_found_twice(seed):
    language = RandomLanguage(seed, len(SURFACE))
    ours = rules(max_words=4, surface_forms=SURFACE)
    found = search(language, 500, ours)
    assert [one.words for one in found] == unlike(ranked(language, ours))


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_a_narrow_beam_keeps_the_rules_of_what_is_written(seed, width):
    language = RandomLanguage(seed, len(SURFACE))
    found = [
        surface(one.words)
        for one in search(language, width, rules(max_words=12, surface_forms=SURFACE))
    ]
    assert 1 <= len(found) <= width
    assert len(set(found)) == len(found)
    assert not any(loops(words) or has_trigram_twice(words) for words in found)


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_where_every_id_is_written_as_itself_nothing_changes(seed, width):
    language = RandomLanguage(seed)
    ours = rules(max_words=8, surface_forms=np.arange(WORDS))
    assert search(language, width, ours) == search(language, width, rules(max_words=8))


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_of_a_group_one_id_is_said_at_most(seed, width):
    language = RandomLanguage(seed, ids=8)
    groups = np.array([-1, -1, -1, -1, 0, 0, 1, 1])
    grouped = rules(max_words=4, once=groups)
    (found,) = beam_search(language.state(0), language.step, width, grouped)
    for hypothesis in found:
        said = [groups[word] for word in hypothesis.words if groups[word] >= 0]
        assert len(said) == len(set(said))


@given(st.integers(0, 10_000), st.sets(st.integers(3, WORDS - 1)))
@settings(max_examples=30)
def test_what_may_come_but_once_is_said_but_once(seed, repeatable):
    """As an exhaustive search finds, and also of ids that are written as one word."""
    for surfaces, ids in ((None, WORDS), (SURFACE, len(SURFACE))):
        language = RandomLanguage(seed, ids)
        plain = rules(max_words=4, surface_forms=surfaces)
        found = search(language, 500, replace(plain, repeatable=frozenset(repeatable)))
        expected = [
            words
            for words in ranked(language, plain)
            if not repeated(surface(words) if ids > WORDS else words) - repeatable
        ]
        assert [one.words for one in found] == (unlike(expected) if ids > WORDS else expected)


@given(st.integers(0, 10_000), st.sets(st.integers(3, WORDS - 1), max_size=WORDS - 4))
@settings(max_examples=30)
def test_a_detail_is_said_only_where_it_is_likely_enough(seed, details):
    """As an exhaustive search finds."""
    language = RandomLanguage(seed)
    plain = rules(max_words=4)
    found = search(
        language, 500, replace(plain, details=tuple(sorted(details)), least_probability=0.2)
    )

    def is_doubtful(words: tuple[int, ...]) -> bool:
        return any(
            word in details and said_next(language, words[:at], word) < 0.2
            for at, word in enumerate(words)
        )

    expected = [words for words in ranked(language, plain) if not is_doubtful(words)]
    assert [one.words for one in found] == expected


MAN, WOMAN, PERSON = 3, 4, 5


class Told:
    """A decoder whose first words have these probabilities, and that goes on in the same way."""

    def __init__(self, *probabilities: float):
        rest = 1 - sum(probabilities)
        self.row = np.log(np.array([1e-9, rest, 1e-9, *probabilities], np.float32))

    def step(self, states: np.ndarray, words: np.ndarray):
        return np.repeat(self.row[None], len(states), axis=0), states


def said(told: Told, **changes) -> list[tuple[int, ...]]:
    neutral = rules(neutral=((MAN, WOMAN, PERSON),), least_share=0.75, **changes)
    (found,) = beam_search(np.zeros((1, 1), np.float32), told.step, 4, neutral)
    return [one.words for one in found]


def test_what_is_sure_of_two_is_said():
    assert said(Told(0.8, 0.1, 0.02), max_words=1)[0] == (MAN,)


def test_what_is_doubtful_of_two_is_said_neutrally_and_as_likely():
    told = Told(0.5, 0.3, 0.02)
    (found,) = beam_search(
        np.zeros((1, 1), np.float32),
        told.step,
        4,
        rules(max_words=1, neutral=((MAN, WOMAN, PERSON),), least_share=0.75),
    )
    (one,) = found
    assert one.words == (PERSON,)
    assert one.log_probability == pytest.approx(np.log(0.5 * 0.18), rel=1e-4)


def test_what_was_said_and_is_said_but_once_makes_nothing_doubtful():
    """Beside a man there is a woman; what became neutral may come again, for it is two."""
    once = frozenset()
    assert (MAN, WOMAN) in said(Told(0.7, 0.2, 0.02), max_words=2, repeatable=once)
    assert said(Told(0.5, 0.3, 0.02), max_words=1, repeatable=once) == [(PERSON,)]


@given(st.integers(0, 10_000), st.floats(0.5, 1))
@settings(max_examples=30)
def test_neutral_words_make_no_loops(seed, least_share):
    language = RandomLanguage(seed)
    neutral = rules(max_words=4, neutral=((3, 4, 5),), least_share=least_share)
    for one in search(language, 20, neutral):
        assert not loops(one.words) and not has_trigram_twice(one.words)


def said_next(language: RandomLanguage, before: tuple[int, ...], word: int) -> float:
    """The probability of a word after others."""
    state = language.state(0)
    for last in (START, *before):
        log_probabilities, state = language.step(state, np.array([last]))
    return math.exp(log_probabilities[0, word])


def repeated(words):
    return {word for word in words if words.count(word) > 1}


@given(st.integers(0, 10_000), st.floats(0, 3))
def test_a_bias_is_preferred_and_does_not_count_as_likely(seed, bias):
    """Against all captions there are, ranked with what is added."""
    language = RandomLanguage(seed, ids=8)
    groups = np.array([-1, -1, -1, -1, 0, 0, 1, 1])
    biases = np.where(groups < 0, 0, bias)
    biased = rules(once=groups, logit_bias=biases, surface_forms=SURFACE)
    (found,) = beam_search(language.state(0), language.step, 300, biased)

    def rank(words: tuple[int, ...]) -> float:
        return (language.log_probability(0, words) + biases[list(words)].sum()) / (len(words) + 1)

    allowed_once = [
        words
        for words in allowed(8, 3)
        if all(sum(groups[word] == group for word in words) < 2 for group in (0, 1))
    ]
    best = max(allowed_once, key=rank)
    assert rank(found[0].words) == pytest.approx(rank(best), abs=1e-4)
    assert found[0].log_probability == pytest.approx(
        language.log_probability(0, found[0].words), abs=1e-4
    )


def test_rules_that_hear_can_be_compared_and_hashed():
    assert rules(surface_forms=SURFACE) == rules(surface_forms=SURFACE.copy())
    assert len({rules(surface_forms=SURFACE), rules(surface_forms=SURFACE.copy())}) == 1


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


@given(st.integers(0, 1_000), st.integers(1, 4))
def test_each_photo_may_have_rules_of_its_own(seed, width):
    language = RandomLanguage(seed, len(SURFACE))
    each = [
        rules(max_words=8),
        rules(start=UNKNOWN, max_words=2),
        rules(banned=(START, UNKNOWN, 3), surface_forms=SURFACE),
    ]
    states = np.concatenate([language.state(photo) for photo in range(len(each))])
    together = beam_search(states, language.step, width, each)
    assert together == [search(language, width, ours, photo) for photo, ours in enumerate(each)]


@pytest.mark.parametrize("photos", [0, 1, 3])
def test_as_many_rules_as_photos_are_needed(photos):
    language = RandomLanguage(0)
    states = np.zeros((photos, language.state(0).shape[1]), np.float32)
    with pytest.raises(ValueError, match="rules for 2 photos"):
        beam_search(states, language.step, 3, [rules(), rules()])


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
