"""What is added to the logits of words that point at a class, so that rare classes are named too.

A pointer learns to pass over what captions seldom name, however sure the detector is of it. So the
search adds to words for such things what makes up for that: logit adjustment (Menon et al. 2021,
"Long-tail learning via logit adjustment", section 4).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from app.captioning.objects import words as words_of_classes
from training.data.tokenization import merge_names

ENOUGH_CAPTIONS = 100
"""A class that so many captions name needs no bias: a decoder has learned to name it."""
MAX_BIAS = 4.0
"""A natural logarithm; chosen on photos of what Flickr8k's captions never name."""


def class_bias(captions: Iterable[Sequence[Sequence[str]]], language: str) -> dict[str, float]:
    """The bias of each of the detector's classes, 0 to MAX_BIAS, by its name.

    Args:
        captions: of each training photo, as words.
    """
    classes = words_of_classes(language)
    class_of = {word: name for name, forms in classes.items() for word in forms}
    naming: Counter[str] = Counter()
    for of_photo in captions:
        for caption in of_photo:
            naming.update({class_of[word] for word in merge_names(caption) if word in class_of})
    return {name: _bias(naming[name]) for name in classes}


def _bias(captions: int) -> float:
    """Of a class that so many captions name."""
    return round(min(MAX_BIAS, max(0.0, math.log(ENOUGH_CAPTIONS / (1 + captions)))), 2)
