"""How often captions name the detector's classes, and what a search favours for it.

A pointer learns to pass over what captions seldom name, however sure the detector is of it. So the
search adds to words for such things what makes up for that, as Menon et al. 2021 ("Long-tail
learning via logit adjustment", section 4) do for classes that are rare in training.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from app.captioning.objects import words as words_of_classes
from training.data.corpus import joined

OFTEN = 100
"""What so many captions name, a decoder has learned to name."""
MOST = 4.0
"""Most that is added, a natural logarithm; chosen on photos of what Flickr8k's captions never
name."""


def favours(captions: Iterable[Sequence[Sequence[str]]], language: str) -> dict[str, float]:
    """What is added to the log-probability of the words that point at each class, 0 to MOST.

    Args:
        captions: of each training photo, as words.
    """
    classes = words_of_classes(language)
    class_of = {word: name for name, forms in classes.items() for word in forms}
    named: Counter[str] = Counter()
    for of_photo in captions:
        for caption in of_photo:
            named.update({class_of[word] for word in joined(caption) if word in class_of})
    return {
        name: round(min(MOST, max(0.0, math.log(OFTEN / (1 + named[name])))), 2) for name in classes
    }
