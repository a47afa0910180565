from __future__ import annotations

import pytest

from app.captioning.confidence import Confidence, mean_probability

THRESHOLDS = {"en": Confidence(0.59, 0.5), "zh": Confidence(0.81, 0.72)}


@pytest.mark.parametrize(
    ("text", "language", "log_probability", "level"),
    [
        ("A white dog is running through the snow.", "en", -4.4, "sure"),
        ("A woman standing on a snowy slope.", "en", -4.8, "unsure"),
        ("A man in a red jacket is holding a drink.", "en", -8.8, "guess"),
        ("一只狗在雪地里奔跑。", "zh", -1.8, "sure"),
        ("一群人坐在山顶上。", "zh", -2.4, "unsure"),
        ("一个男人拿着杯子。", "zh", -7.4, "guess"),
        # As likely as the first, but longer: surer of each word.
        ("A dog runs.", "en", -4.4, "guess"),
    ],
)
def test_how_sure_the_model_is_depends_on_each_word(
    text: str, language: str, log_probability: float, level: str
) -> None:
    mean = mean_probability(text, language, log_probability)
    assert THRESHOLDS[language].level(mean) == level
