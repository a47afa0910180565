"""How well captions match what people wrote: BLEU, ROUGE-L and CIDEr-D.

The numbers are those of the COCO caption evaluation (the pycocoevalcap package), its constants and
its treatment of short and empty captions included, so that they compare with published ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

METEOR_ABSENT = (
    "METEOR is not computed: its reference implementation needs Java, and the implementations "
    "that do not need it give other numbers."
)

MAX_N = 4
"""Length of the longest n-grams that BLEU and CIDEr compare."""
_SIZES = range(1, MAX_N + 1)

Words = Sequence[str]
Ngram = tuple[str, ...]


def score(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> dict[str, float]:
    """Scores one candidate caption per photo against that photo's references.

    Args:
        candidates: words of one caption per photo, as `training.data.tokenization` gives them.
        references: for each photo, in the same order, the words of each caption by a person.

    Returns:
        "BLEU-1" … "BLEU-4", "ROUGE-L" and "CIDEr" of the whole corpus, in percent. CIDEr, which
        papers also print as 0.47 for 47, may exceed 100.

    Raises:
        ValueError: when there are no candidates, or not one set of references for each.
    """
    _check(candidates, references)
    rouge = [rouge_l(words, others) for words, others in zip(candidates, references, strict=True)]
    return {
        **{f"BLEU-{n}": 100 * value for n, value in enumerate(bleu(candidates, references), 1)},
        "ROUGE-L": 100 * float(np.mean(rouge)),
        "CIDEr": 100 * float(np.mean(Cider(references).scores(candidates))),
    }


def bleu(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """BLEU-1 … BLEU-4 of a corpus, in [0, 1] (Papineni et al. 2002).

    The brevity penalty compares with the reference closest in length, the shorter of two as close.
    """
    matched, total = [0] * MAX_N, [0] * MAX_N
    length = reference_length = 0
    for words, others in zip(candidates, references, strict=True):
        allowed = _highest_counts(others)
        for ngram, count in _ngrams(words).items():
            matched[len(ngram) - 1] += min(count, allowed.get(ngram, 0))
            total[len(ngram) - 1] += count
        length += len(words)
        reference_length += min(map(len, others), key=lambda size: (abs(size - len(words)), size))
    # pycocoevalcap's guards against division by zero.
    tiny, small = 1e-15, 1e-9
    precisions = [(matched[n] + tiny) / (total[n] + small) for n in range(MAX_N)]
    ratio = (length + tiny) / (reference_length + small)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    return [penalty * math.prod(precisions[:n]) ** (1 / n) for n in _SIZES]


def _highest_counts(references: Sequence[Words]) -> dict[Ngram, int]:
    highest: dict[Ngram, int] = {}
    for words in references:
        for ngram, count in _ngrams(words).items():
            highest[ngram] = max(count, highest.get(ngram, 0))
    return highest


def rouge_l(candidate: Words, references: Sequence[Words]) -> float:
    """ROUGE-L of one caption, in [0, 1] (Lin 2004), with recall weighing beta = 1.2.

    Precision and recall are each the best over all references, as in pycocoevalcap.
    """
    beta_squared = 1.2**2
    # pycocoevalcap sees an empty caption as one empty word.
    words, others = candidate or [""], [reference or [""] for reference in references]
    common = [_longest_common_subsequence(words, other) for other in others]
    precision = max(common) / len(words)
    recall = max(shared / len(other) for shared, other in zip(common, others, strict=True))
    if not precision:
        return 0.0
    return (1 + beta_squared) * precision * recall / (recall + beta_squared * precision)


def _longest_common_subsequence(first: Words, second: Words) -> int:
    lengths = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for index, other in enumerate(second, 1):
            above = lengths[index]
            lengths[index] = diagonal + 1 if word == other else max(above, lengths[index - 1])
            diagonal = above
    return lengths[-1]


class _Vector(NamedTuple):
    """A caption's n-grams weighted by TF-IDF, for n = 1 … 4."""

    weights: list[dict[Ngram, float]]
    norms: list[float]
    length: int
    """In words."""


class Cider:
    """CIDEr-D (Vedantam et al. 2015) against fixed references, sigma 6, as pycocoevalcap's `Cider`.

    Document frequencies and the references' vectors are computed once, so single captions can be
    scored quickly afterwards, for instance as a reward in training.
    """

    sigma = 6.0

    def __init__(self, references: Sequence[Sequence[Words]]):
        """references: for each photo, the words of its captions. A photo is one document.

        Raises:
            ValueError: when there are no photos, or one without references.
        """
        _check_references(references)
        counts = [[_ngrams(words) for words in captions] for captions in references]
        frequencies: Counter[Ngram] = Counter()
        for photo in counts:
            frequencies.update(set().union(*photo))
        self._unseen = math.log(len(references))
        self._inverse_frequency = {
            ngram: self._unseen - math.log(count) for ngram, count in frequencies.items()
        }
        self._references = [[self._vector(caption) for caption in photo] for photo in counts]

    def scores(self, candidates: Sequence[Words]) -> np.ndarray:
        """Scores one caption per photo, in the references' order.

        Returns:
            float64 (photos,), each from 0 to 10.

        Raises:
            ValueError: when there is not one candidate for each photo.
        """
        if len(candidates) != len(self._references):
            raise ValueError(_mismatch(len(candidates), len(self._references)))
        return np.array([self.score(words, photo) for photo, words in enumerate(candidates)])

    def score(self, candidate: Words, photo: int) -> float:
        """Scores one caption, from 0 to 10, against the references with index `photo`."""
        vector, references = self._vector(_ngrams(candidate)), self._references[photo]
        similarity = sum(self._similarity(vector, reference) for reference in references)
        return 10 * similarity / len(references)

    def _vector(self, counts: Counter[Ngram]) -> _Vector:
        weights: list[dict[Ngram, float]] = [{} for _ in range(MAX_N)]
        length = 0
        for ngram, count in counts.items():
            inverse_frequency = self._inverse_frequency.get(ngram, self._unseen)
            weights[len(ngram) - 1][ngram] = count * inverse_frequency
            length += count * (len(ngram) == 1)
        norms = [math.sqrt(sum(weight**2 for weight in group.values())) for group in weights]
        return _Vector(weights, norms, length)

    def _similarity(self, candidate: _Vector, reference: _Vector) -> float:
        """Clipped cosine, averaged over n, less a Gaussian penalty on the difference in length."""
        cosines = 0.0
        for ours, theirs, our_norm, their_norm in zip(
            candidate.weights, reference.weights, candidate.norms, reference.norms, strict=True
        ):
            if our_norm and their_norm:
                product = sum(
                    min(weight, theirs[ngram]) * theirs[ngram]
                    for ngram, weight in ours.items()
                    if ngram in theirs
                )
                cosines += product / (our_norm * their_norm)
        difference = candidate.length - reference.length
        return cosines / MAX_N * math.exp(-(difference**2) / (2 * self.sigma**2))


def _ngrams(words: Words) -> Counter[Ngram]:
    """How often each run of 1 … 4 words comes."""
    size = len(words)
    return Counter(tuple(words[start : start + n]) for n in _SIZES for start in range(size - n + 1))


def _check(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> None:
    if not candidates:
        raise ValueError("There are no captions to score.")
    if len(candidates) != len(references):
        raise ValueError(_mismatch(len(candidates), len(references)))
    _check_references(references)


def _check_references(references: Sequence[Sequence[Words]]) -> None:
    if not references:
        raise ValueError("There are no reference captions to score against.")
    for photo, captions in enumerate(references):
        if not captions:
            raise ValueError(f"Photo {photo} has no reference captions to score against.")


def _mismatch(candidates: int, references: int) -> str:
    return f"There are {candidates} captions to score, but references for {references} photos."
