"""How sure a model was of a caption, in a word that people understand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.captioning.captioner import Caption


@dataclass(frozen=True)
class Steps:
    """From which mean probability of a word (in Chinese of a character) a caption is which."""

    sure: float
    unsure: float

    def name(self, mean: float) -> str:
        """ "sure", "unsure" or "guess"."""
        return "sure" if mean >= self.sure else "unsure" if mean >= self.unsure else "guess"


STEPS = {"en": Steps(0.59, 0.5), "zh": Steps(0.81, 0.72)}
"""Of kantu-1, by training.evaluation.sureness: chosen on one half of Flickr8k's dev photos so that
nearly nine in ten captions come close to those by people from the first step on, more than six in
ten from the second on, and fewer than half below. On the other half, 500 photos, these are in
English 87, 61 and 46 % (of 178, 184 and 138 captions), in Chinese 84, 65 and 45 % (of 102, 181 and
217). Training by the score made it surer of all it says, hence steps higher than those of the
other model."""


POINTING_STEPS = {"en": Steps(0.43, 0.37), "zh": Steps(0.70, 0.60)}
"""Of neural-baby-talk-1, chosen alike: in English 91, 69 and 41 % (of 99, 141 and 260 captions), in
Chinese 86, 70 and 48 % (of 74, 167 and 259). It is less sure of a sentence, for it chooses not only
what to say but also where to point."""


def steps(language: str, points: bool) -> Steps:
    """
    Args:
        points: whether the model's words point at regions.
    """
    return (POINTING_STEPS if points else STEPS)[language]


def mean_probability(caption: Caption, language: str) -> float:
    """Of a word, or in Chinese of a character. The whole sentence's falls with its length, so that
    no one can read it."""
    # The end of a sentence is one more choice of the model's: in Chinese its full stop.
    units = len(caption.text) if language == "zh" else len(caption.text.split()) + 1
    return math.exp(caption.log_probability / units)


def sureness(caption: Caption, language: str, points: bool = False) -> str:
    """ "sure", "unsure" or "guess". static/js/chance.js counts the same.

    Args:
        points: whether the words of the model that said it point at regions.
    """
    return steps(language, points).name(mean_probability(caption, language))
