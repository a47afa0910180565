"""How sure a model was of a caption, in a word that people understand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Level = Literal["sure", "unsure", "guess"]


@dataclass(frozen=True)
class Confidence:
    """From which mean probability on a caption is which: a checkpoint's, for one of its languages.

    training.evaluation.confidence measures both.
    """

    sure: float
    unsure: float

    def level(self, mean: float) -> Level:
        return "sure" if mean >= self.sure else "unsure" if mean >= self.unsure else "guess"


def mean_probability(text: str, language: str, log_probability: float) -> float:
    """Of a word, or in Chinese of a character. The whole sentence's falls with its length, so that
    no one can read it.

    Args:
        log_probability: of the whole sentence, natural logarithm.
    """
    # The end of a sentence is one more choice of the model's: in Chinese its full stop.
    units = len(text) if language == "zh" else len(text.split()) + 1
    return math.exp(log_probability / units)
