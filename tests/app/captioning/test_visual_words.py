"""Tokens that point at regions."""

from pathlib import Path

import numpy as np
import pytest

from app.captioning.beam_search import Rules
from app.captioning.detector import REGIONS
from app.captioning.visual_words import FORMS, VisualWords
from app.captioning.vocabulary import SPECIAL, Vocabulary

VOCABULARY = Vocabulary([*SPECIAL, "a", "dog", "puppy", "dogs", "cat"])
WORDS = {"cat": ["cat"], "dog": ["dog", "dogs", "puppy"]}
VISUAL = VisualWords.of(VOCABULARY, WORDS, {"cat": 1.5})
RULES = Rules(0, 1, (0, 2))
CAT, DOG = 0, 1
SIZE = len(VOCABULARY)


def test_a_token_is_written_as_the_visual_word_of_its_region():
    forms = VISUAL.rules(RULES, [DOG, CAT]).surface_forms
    assert len(forms) == SIZE + REGIONS * FORMS
    assert VOCABULARY.decode(forms[:SIZE]) == VOCABULARY.decode(range(SIZE))
    assert VOCABULARY.decode(forms[SIZE : SIZE + 3]) == ("dog", "dogs", "puppy")
    assert VOCABULARY.decode(forms[SIZE + FORMS : SIZE + FORMS + 1]) == ("cat",)
    assert set(forms[SIZE + FORMS + 1 :]) == {Vocabulary.unknown}


def test_a_token_points_at_its_region():
    assert VISUAL.region(SIZE - 1) is None
    assert VISUAL.region(SIZE) == 0
    assert VISUAL.region(SIZE + 2 * FORMS + 5) == 2


def test_tokens_that_say_nothing_are_never_said():
    rules = VISUAL.rules(RULES, [CAT])
    allowed = set(range(SIZE + REGIONS * FORMS)) - set(rules.banned)
    assert allowed == {1, *range(3, SIZE), SIZE}


def test_what_points_at_a_class_has_its_bias():
    bias = VISUAL.rules(RULES, [DOG, CAT]).logit_bias
    assert set(bias[: SIZE + FORMS]) == {0}
    assert set(bias[SIZE + FORMS : SIZE + 2 * FORMS]) == {1.5}
    assert set(bias[SIZE + 2 * FORMS :]) == {0}


def test_no_region_is_pointed_at_twice():
    once = VISUAL.rules(RULES, [CAT, DOG]).once
    assert set(once[:SIZE]) == {-1}
    assert [once[SIZE], once[SIZE + FORMS - 1], once[SIZE + FORMS]] == [0, 0, 1]


def test_a_class_is_named_by_words_and_by_what_points_at_it():
    rules = VISUAL.rules(RULES, [CAT, DOG])
    words = set(VOCABULARY.encode(["dog", "dogs", "puppy"]))
    assert set(VISUAL.tokens("dog", rules)) == words | {SIZE + FORMS + form for form in range(3)}
    assert set(VISUAL.tokens("dog", VISUAL.rules(RULES, []))) == words


def test_what_is_saved_is_loaded(tmp_path: Path):
    VISUAL.save(tmp_path / "words.json")
    loaded = VisualWords.load(tmp_path / "words.json", VOCABULARY)
    assert loaded.classes == ("cat", "dog")
    assert np.array_equal(loaded.ids, VISUAL.ids)
    assert np.array_equal(loaded.logit_bias, VISUAL.logit_bias)


def test_words_that_the_vocabulary_lacks_are_refused(tmp_path: Path):
    VISUAL.save(tmp_path / "words.json")
    other = Vocabulary([*SPECIAL, "a", "dog", "puppy", "cat"])
    with pytest.raises(ValueError, match="not in the vocabulary"):
        VisualWords.load(tmp_path / "words.json", other)
