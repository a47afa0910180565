"""Which detected objects a caption names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.captioning.grounding import Box, Region, find_slots, template
from app.captioning.objects import objects, words
from app.captioning.pointing import point, saying
from app.captioning.vocabulary import Vocabulary, sentence
from app.config import ROOT

WHOLE = Box(0, 0, 1, 1)


def regions(*names: str) -> list[Region]:
    """The surest first."""
    return [Region(WHOLE, name, 0.9 - 0.01 * nth) for nth, name in enumerate(names)]


@pytest.mark.parametrize(
    ("language", "caption", "detected", "expected"),
    [
        ("en", "a puppy and two dogs run", ["dog", "dog"], "A <region-0> and two <region-1> run."),
        ("en", "a man and a woman", ["person"], "A <region-0> and a woman."),
        ("en", "a woman on a bike", ["bicycle", "person"], "A <region-1> on a <region-0>."),
        ("en", "a dog eats a hot dog", ["hot dog", "dog"], "A <region-1> eats a <region-0>."),
        ("en", "a hot dog on a plate", ["dog"], "A hot dog on a plate."),
        ("en", "a red fire hydrant", ["fire hydrant"], "A red <region-0>."),
        ("en", "a horse", [], "A horse."),
        ("en", "a panda bear eats", ["bear", "bear"], "A <region-0> eats."),
        ("en", "a baby elephant", ["person", "elephant"], "A baby <region-1>."),
        ("en", "a red pickup truck in a street", ["truck"], "A red <region-0> in a street."),
        ("zh", "猫 狗", ["cat", "dog"], "<region-0><region-1>。"),
        ("zh", "人 行 道", ["person"], "<region-0>行道。"),
        ("zh", "一只 狗 和 小狗", ["dog", "dog"], "一只<region-0>和<region-1>。"),
        ("zh", "一个 甜甜 圈", ["donut"], "一个<region-0>。"),
        ("zh", "一匹 马 ， 旁边 有 人", ["person", "horse"], "一匹<region-1>，旁边有<region-0>。"),
    ],
)
def test_a_name_points_at_the_surest_of_its_kind(language, caption, detected, expected):
    said = caption.split()
    text = sentence(said, language)
    slots = find_slots(text, *point(said, regions(*detected), language))
    assert template(text, slots) == expected


@given(
    st.lists(st.sampled_from(["a", "hot", "dog", "fire", "hydrant", "man", "teddy", "bear"])),
    st.lists(st.sampled_from(["dog", "hot dog", "person", "bear", "teddy bear"]), max_size=10),
)
def test_no_word_is_lost_and_no_region_is_named_twice(said: list[str], detected: list[str]):
    names, meant = point(said, regions(*detected), "en")
    assert " ".join(names).split() == said
    assert len(names) == len(meant)
    found = [one for one in meant if one is not None]
    assert len(set(found)) == len(found)
    for name, region in zip(names, meant, strict=True):
        if region is not None:
            assert any(name.endswith(one) for one in words("en")[detected[region]])


@pytest.mark.parametrize(
    ("language", "name", "known", "expected"),
    [
        ("en", "dog", ["dog", "puppy", "cat"], {"dog", "puppy"}),
        ("en", "stop sign", ["stop", "sign", "signs"], {"sign", "signs"}),
        ("zh", "donut", ["甜甜", "圈", "蛋糕"], {"圈"}),
        ("zh", "donut", ["蛋糕"], set()),
    ],
)
def test_what_must_be_said_has_a_word(language, name, known, expected):
    vocabulary = Vocabulary.build([known], 1)
    assert {*vocabulary.decode(saying(name, vocabulary, language))} == expected


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_class_can_be_said_with_the_words_that_are_shipped(language):
    vocabulary = Vocabulary.load(ROOT / "model_assets" / "kantu-2" / f"vocabulary_{language}.txt")
    assert all(saying(name, vocabulary, language) for name in objects())
