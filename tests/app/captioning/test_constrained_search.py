"""Constrained beam search against an exhaustive search, over a language that needs no weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.captioning.beam_search import Hypothesis, Rules, beam_search
from app.captioning.constrained_search import constrained_beam_search
from tests.app.captioning.languages import (
    END,
    START,
    SURFACE,
    UNKNOWN,
    RandomLanguage,
    has_trigram_twice,
    loops,
    ranked,
    rules,
    surface,
    unlike,
)

seeds = st.integers(0, 10_000)
widths = st.integers(1, 5)
any_constraints = st.lists(st.frozensets(st.integers(0, len(SURFACE) - 1), max_size=3), max_size=4)
# Each has a word that no other one has, so all of them can be satisfied.
possible_constraints = st.lists(
    st.sampled_from([frozenset({3}), frozenset({4, 7}), frozenset({5})]), unique=True
)


def language(seed: int) -> RandomLanguage:
    return RandomLanguage(seed, len(SURFACE))


def search(
    language: RandomLanguage, width: int, rules: Rules, constraints: list[frozenset[int]]
) -> list[Hypothesis]:
    return constrained_beam_search(language.state(0), language.step, width, rules, constraints)


def satisfied(words: tuple[int, ...], constraints: list[frozenset[int]]) -> int:
    return sum(not constraint.isdisjoint(words) for constraint in constraints)


def naive_search(
    language: RandomLanguage, width: int, rules: Rules, constraints: list[frozenset[int]]
) -> list[tuple[int, ...]]:
    """The same without any haste: a beam for each set of satisfied constraints."""
    words = [word for word in range(language.ids) if word not in (START, END, UNKNOWN)]
    partial: list[tuple[float, tuple[int, ...], np.ndarray]] = [(0.0, (), language.state(0))]
    finished = []
    for _ in range(rules.max_words + 1):
        beams: dict[frozenset[int], list] = {}
        for score, said, state in partial:
            chances, following = language.step(state, np.array([said[-1] if said else START]))
            total = score + chances[0].astype(float)
            finished += [(-total[END] / (len(said) + 1), said)] if said else []
            for longer in ((*said, word) for word in words):
                if not loops(surface(longer)) and not has_trigram_twice(surface(longer)):
                    met = frozenset(i for i, one in enumerate(constraints) if one & {*longer})
                    beams.setdefault(met, []).append((total[longer[-1]], longer, following))
        partial = [
            one for beam in beams.values() for one in sorted(beam, key=lambda one: -one[0])[:width]
        ]
    most = max(satisfied(said, constraints) for _, said in finished)
    best = [said for _, said in sorted(finished) if satisfied(said, constraints) == most]
    return unlike(best)[:width]


@given(seeds, any_constraints, st.sampled_from([0.0, 0.7, 1.0]))
@settings(max_examples=50)
def test_a_beam_as_wide_as_the_language_finds_what_satisfies_the_most(seed, constraints, penalty):
    ours = rules(max_words=4, length_penalty=penalty, surface_forms=SURFACE)
    captions = ranked(language(seed), ours)
    most = max(satisfied(words, constraints) for words in captions)
    best = unlike([words for words in captions if satisfied(words, constraints) == most])
    found = search(language(seed), 500, ours, constraints)
    assert [one.words for one in found] == best


@given(seeds, widths, any_constraints)
def test_each_state_of_the_machine_has_a_beam_of_its_own(seed, width, constraints):
    ours = rules(max_words=5, surface_forms=SURFACE)
    found = search(language(seed), width, ours, constraints)
    assert [one.words for one in found] == naive_search(language(seed), width, ours, constraints)


@given(seeds, widths, possible_constraints)
def test_whatever_can_be_mentioned_is_mentioned(seed, width, constraints):
    found = search(language(seed), width, rules(max_words=8, surface_forms=SURFACE), constraints)
    assert 1 <= len(found) <= width
    for one in found:
        assert satisfied(one.words, constraints) == len(constraints)


@given(seeds, widths, any_constraints)
def test_no_caption_breaks_a_rule(seed, width, constraints):
    found = search(language(seed), width, rules(max_words=8, surface_forms=SURFACE), constraints)
    assert 1 <= len(found) <= width
    assert len({surface(one.words) for one in found}) == len(found)
    assert len({satisfied(one.words, constraints) for one in found}) == 1
    for one in found:
        assert 1 <= len(one.words) <= 8
        assert not {START, END, UNKNOWN} & set(one.words)
        assert not loops(surface(one.words))
        assert not has_trigram_twice(surface(one.words))


@given(seeds, widths, possible_constraints)
def test_the_best_comes_first_and_has_the_probability_of_its_words(seed, width, constraints):
    found = search(language(seed), width, rules(max_words=6), constraints)
    assert len({one.words for one in found}) == len(found)
    ranks = [one.log_probability / (len(one.words) + 1) for one in found]
    assert ranks == sorted(ranks, reverse=True)
    expected = [language(seed).log_probability(0, one.words) for one in found]
    assert [one.log_probability for one in found] == pytest.approx(expected, abs=1e-4)


@given(seeds, widths, st.sampled_from([None, SURFACE]))
def test_without_constraints_it_is_beam_search(seed, width, surface_forms):
    tongue, ours = language(seed), rules(max_words=8, surface_forms=surface_forms)
    (expected,) = beam_search(tongue.state(0), tongue.step, width, ours)
    assert search(tongue, width, ours, []) == expected


@pytest.mark.parametrize("impossible", [{UNKNOWN}, {END}, set()])
def test_what_cannot_be_said_is_not_mentioned_but_the_rest_is(impossible):
    found = search(language(0), 3, rules(max_words=6), [frozenset(impossible), frozenset({5})])
    assert len(found) == 3
    assert all(5 in one.words for one in found)


def test_too_few_words_for_all_constraints_mention_as_many_as_they_can():
    constraints = [frozenset({3}), frozenset({4}), frozenset({5})]
    found = search(language(0), 4, rules(max_words=2), constraints)
    assert len(found) == 4
    assert all(satisfied(one.words, constraints) == 2 for one in found)


def test_all_states_of_the_machine_share_one_step_for_each_word():
    rows = []

    def step(state: np.ndarray, words: np.ndarray):
        rows.append(len(words))
        return language(0).step(state, words)

    constraints = [frozenset({word}) for word in (3, 4, 5, 6)]
    constrained_beam_search(language(0).state(0), step, 2, rules(max_words=9), constraints)
    assert len(rows) <= 9 + 1
    assert rows[0] == 1
    assert 16 < max(rows) <= 2 * 16


def test_it_stops_as_soon_as_nothing_better_can_come():
    steps = []

    def step(state: np.ndarray, words: np.ndarray):
        steps.append(len(words))
        log_probabilities = np.full((len(words), len(SURFACE)), -50.0, np.float32)
        log_probabilities[:, 4 if len(steps) == 1 else END] = -0.001
        return log_probabilities, state

    (found,) = constrained_beam_search(
        np.zeros((1, 1), np.float32), step, 1, rules(max_words=20), [frozenset({4})]
    )
    assert found.words == (4,)
    assert len(steps) == 2


def test_a_likely_caption_that_mentions_nothing_does_not_end_the_search():
    def step(state: np.ndarray, words: np.ndarray):
        log_probabilities = np.full((len(words), len(SURFACE)), -50.0, np.float32)
        log_probabilities[:, END] = -0.001
        return log_probabilities, state

    (found,) = constrained_beam_search(
        np.zeros((1, 1), np.float32), step, 1, rules(max_words=4), [frozenset({3}), frozenset({4})]
    )
    assert sorted(found.words) == [3, 4]


def test_more_constraints_than_the_machine_has_room_for_are_refused():
    with pytest.raises(ValueError, match="5 constraints"):
        search(language(0), 3, rules(), [frozenset({3})] * 5)


def test_a_beam_of_no_width_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        search(language(0), 0, rules(), [])
