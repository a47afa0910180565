from __future__ import annotations

import pytest

from app.captioning.captioner import Caption
from app.web.texts import percent, sureness


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (1.0, "100%"),
        (0.996, "100%"),
        (0.5, "50%"),
        (0.105, "10%"),
        (0.0996, "10%"),
        (0.042, "4.2%"),
        (0.00031, "0.031%"),
        (0.0000314, "0.0031%"),
        (0.00001, "0.001%"),
        (0.0000023, "0.00023%"),
        (0.00000099, "<0.0001%"),
        (0.0, "<0.0001%"),
    ],
)
def test_a_chance_keeps_two_digits_that_count(probability: float, text: str) -> None:
    assert percent(probability) == text


@pytest.mark.parametrize(
    ("text", "language", "log_probability", "step"),
    [
        ("A white dog is running through the snow.", "en", -5.24, "sure"),
        ("A woman standing on a snowy slope.", "en", -7.2, "unsure"),
        ("A man in a red jacket is holding a drink.", "en", -13.7, "guess"),
        ("一只狗在雪地里奔跑。", "zh", -2.2, "sure"),
        ("一群人坐在山顶上。", "zh", -4.2, "unsure"),
        ("一个男人拿着杯子。", "zh", -7.4, "guess"),
        # As likely as the first, but longer: surer of each word.
        ("A dog runs.", "en", -5.24, "guess"),
    ],
)
def test_how_sure_the_model_is_depends_on_each_word(
    text: str, language: str, log_probability: float, step: str
) -> None:
    assert sureness(Caption(text, (), log_probability), language) == step
