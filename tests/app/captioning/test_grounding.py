"""Where visual words stand in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.captioning.grounding import find_slots, template, with_articles
from app.captioning.vocabulary import sentence


@pytest.mark.parametrize(
    ("language", "words", "regions", "expected"),
    [
        ("en", ["a", "dog", "on", "a", "teddy", "bear"], [None, 1, None, None, 0, 0], None),
        ("en", ["dogs", "run"], [2, None], "<region-2> run."),
        ("en", ["a", "man", "and", "a", "man"], [None, 1, None, None, 0], None),
        ("en", ["the", "dog", "'s", "ball"], [None, 0, None, 1], "The <region-0>'s <region-1>."),
        ("zh", ["一只", "狗", "在", "跑"], [None, 0, None, None], "一只<region-0>在跑。"),
    ],
)
def test_templates_leave_visual_words_open(language, words, regions, expected):
    text = sentence(words, language)
    slots = find_slots(text, words, regions)
    named = [word for word, region in zip(words, regions, strict=True) if region is not None]
    assert [text[slot.start : slot.end].lower() for slot in slots] == named
    assert [slot.region for slot in slots] == [one for one in regions if one is not None]
    if expected:
        assert template(text, slots) == expected


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("a umbrella", "an umbrella"),
        ("an dog", "a dog"),
        ("a elephant", "an elephant"),
        ("an umpire", "an umpire"),
        ("an ewe", "a ewe"),
        ("a dog", "a dog"),
    ],
)
def test_an_article_suits_the_visual_word_after_it(said: str, meant: str):
    assert " ".join(with_articles(said.split(), [None, 0])) == meant
    assert " ".join(with_articles(said.split(), [None, None])) == said


@given(
    st.lists(st.tuples(st.sampled_from(["a", "an", "man", "n't", "in", "i"]), st.booleans())),
    st.sampled_from(["en", "zh"]),
)
def test_words_within_words_are_not_mistaken(said: list[tuple[str, bool]], language: str):
    words = [word for word, _ in said]
    regions = [place if visual else None for place, (_, visual) in enumerate(said)]
    text = sentence(words, language)
    slots = find_slots(text, words, regions)
    assert [text[slot.start : slot.end].lower() for slot in slots] == [
        word for word, visual in said if visual
    ]
    assert all(before.end <= after.start for before, after in zip(slots, slots[1:], strict=False))
    # Put together again, pieces and visual words are the sentence.
    filled = template(text, slots)
    for slot in slots:
        filled = filled.replace(f"<region-{slot.region}>", text[slot.start : slot.end], 1)
    assert filled == text
