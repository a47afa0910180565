import math

import pytest

from training.decoders.class_bias import ENOUGH_CAPTIONS, MAX_BIAS, class_bias


def test_the_fewer_captions_name_a_class_the_higher_its_bias():
    dog = [["a", "dog", "runs"], ["a", "puppy"]]
    bias = class_bias([dog] * ENOUGH_CAPTIONS + [[["a", "fire", "hydrant"]]] * 9, "en")
    assert bias["dog"] == 0
    assert bias["zebra"] == MAX_BIAS
    assert bias["fire hydrant"] == pytest.approx(math.log(ENOUGH_CAPTIONS / 10), abs=0.01)
    assert len(bias) == 80


def test_a_caption_counts_once_for_a_class():
    bias = class_bias([[["一只", "猫", "和", "一只", "小猫"]]] * 40, "zh")
    assert bias["cat"] == pytest.approx(math.log(ENOUGH_CAPTIONS / 41), abs=0.01)
