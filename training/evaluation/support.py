"""What captions say of a photo that no reference says: a stand-in for what is not in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

DOUBT = 2
"""Captions whose word no other has are added in thought, so that a rare word counts little."""

Words = Sequence[str]


class Support:
    """How many words of a caption no reference of its photo has, each counted by how often people
    agree on it.

    A word that all say of a photo where one does (a giraffe) is most likely wrong where none says
    it, and counts almost as one; one that people say or leave out (small, near) counts little.
    Rohrbach et al. 2018 (section 2.1) count invented objects of 80 classes; this needs no list of
    them, and knows actions, colours and numbers too.
    """

    def __init__(self, references: Sequence[Sequence[Words]]):
        """references: for each photo, the words of its captions."""
        self._said = [set().union(*captions) for captions in references]
        self._agreement = agreement(references)

    def unsupported(self, caption: Words, photo: int) -> float:
        """Words, at least 0, of a caption of the photo with index `photo`."""
        strange = {*caption} - self._said[photo]
        return sum(self._agreement.get(word, 0.0) for word in strange)

    def mean(self, captions: Sequence[Words]) -> float:
        """Unsupported words a caption, of one caption of each photo."""
        each = (self.unsupported(words, photo) for photo, words in enumerate(captions))
        return float(np.mean(list(each)))


def agreement(references: Iterable[Sequence[Words]]) -> dict[str, float]:
    """Of the captions that have a word, the share of those where another caption of the photo has
    it too, by the word.

    Args:
        references: for each photo, the words of its captions.
    """
    all_of, shared = Counter[str](), Counter[str]()
    for captions in references:
        counts = Counter(word for words in captions for word in {*words})
        all_of.update(counts)
        shared.update({word: count for word, count in counts.items() if count > 1})
    return {word: shared[word] / (count + DOUBT) for word, count in all_of.items()}
