"""What a search favours of what captions seldom name."""

import math

import pytest

from training.decoders.taught import MOST, OFTEN, favours


def test_what_was_never_named_is_favoured_most_and_what_often_was_not_at_all():
    captions = [[["a", "dog", "runs"], ["a", "puppy"]]] * OFTEN + [[["a", "fire", "hydrant"]]] * 9
    favoured = favours(captions, "en")
    assert favoured["dog"] == 0
    assert favoured["zebra"] == MOST
    assert favoured["fire hydrant"] == pytest.approx(math.log(OFTEN / 10), abs=0.01)
    assert len(favoured) == 80


def test_a_caption_counts_once_for_a_class():
    favoured = favours([[["一只", "猫", "和", "一只", "小猫"]]] * 40, "zh")
    assert favoured["cat"] == pytest.approx(math.log(OFTEN / 41), abs=0.01)
