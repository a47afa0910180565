"""What a photo says for and against each word, beside the decoder.

A decoder learns to say what suits the words before as much as what suits the photo. The evidence is
a logistic regression from the pooled features to each word (the attributes of You et al. 2016,
section 3.1): whether captions of such photos have it. It moves the decoder's probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from app.captioning.beam_search import Step

AT_ONCE = 128
"""Features whose weights are in float at one time: all of them would take 11 MB."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence for some words of a vocabulary."""

    words: np.ndarray
    """Their ids, int32 (k,)."""
    weights: np.ndarray
    """int8 (n, k), for pooled features (n,)."""
    scales: np.ndarray
    """float32 (k,): what the int8 weights of each word are times."""
    offsets: np.ndarray
    """float32 (k,)"""
    most: float
    """The most that is added to a log-probability or taken from it."""

    @classmethod
    def load(cls, path: Path, vocabulary_size: int) -> Evidence:
        """From the arrays of an .npz file, by the names above.

        Raises:
            ValueError: it is damaged, or not for so many words.
        """
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                found = cls(
                    arrays["words"],
                    arrays["weights"],
                    arrays["scales"],
                    arrays["offsets"],
                    float(arrays["most"]),
                )
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise ValueError(f"{path.name} is damaged ({error})") from error
        shapes = {found.weights.shape[1:], found.scales.shape, found.offsets.shape}
        numbers = (found.scales, found.offsets, found.most)
        if (
            found.words.dtype.kind != "i"
            or shapes != {(found.words.size,)}
            or not all(np.isfinite(one).all() for one in numbers)
        ):
            raise ValueError(f"{path.name} is damaged (its arrays do not fit together)")
        if not np.all((found.words >= 0) & (found.words < vocabulary_size)):
            raise ValueError(f"{path.name} is not for a vocabulary of {vocabulary_size} words")
        return found

    def bias(self, pooled: np.ndarray) -> np.ndarray:
        """What is added to the log-probability of each of its words, float32 (k,), for a photo's
        pooled features, float32 (n,). Raises ValueError where these are not as many."""
        if len(pooled) != len(self.weights):
            raise ValueError(f"evidence of {len(self.weights)} features, not of {len(pooled)}")
        parts = (slice(at, at + AT_ONCE) for at in range(0, len(pooled), AT_ONCE))
        found = sum(pooled[part] @ self.weights[part].astype(np.float32) for part in parts)
        return np.clip(found * self.scales + self.offsets, -self.most, self.most)


def informed(step: Step, words: np.ndarray, bias: np.ndarray) -> Step:
    """A decoder's step, its probabilities of these words moved by a bias, and all of them together
    1 again."""

    def weigh(states: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probabilities, following = step(states, last)
        weighed = log_probabilities.copy()
        weighed[:, words] += bias
        return weighed - np.log(np.exp(weighed).sum(axis=1, keepdims=True)), following

    return weigh
