"""What a photo says for and against each word, beside the decoder.

A decoder learns to say what suits the words before as much as what suits the photo. The evidence is
a small network from the pooled features to each word (the attributes of You et al. 2016, section
3.1): whether captions of such photos have it. It moves the decoder's probabilities, puts out of the
question what is unlikely, and where a caption is but a guess names what else there may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from app.captioning.beam_search import Step

AT_ONCE = 128
"""Inputs whose weights are in float at one time: all of them would take megabytes."""
LIKELY = 0.2
"""Share of the captions of a photo that have a word, from which on it is worth naming."""
UNLIKELY = 0.04
"""The share below which it is not said at all: where captions of dev photos did, three in four were
wrong."""
NEVER = -30.0
"""What is added to the log-probability of such a word."""
MOST_NAMED = 3
"""Words."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A dense layer without an activation."""

    weights: np.ndarray
    """int8 (n, k)."""
    scales: np.ndarray
    """float32 (k,): what the int8 weights of each output are times."""
    biases: np.ndarray
    """float32 (k,)"""

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Float32 (k,), for float32 (n,)."""
        parts = (slice(at, at + AT_ONCE) for at in range(0, len(values), AT_ONCE))
        found = sum(values[part] @ self.weights[part].astype(np.float32) for part in parts)
        return found * self.scales + self.biases

    def check(self) -> None:
        """Raises ValueError where its arrays do not fit together."""
        if (
            self.weights.dtype != np.int8
            or self.scales.ndim != 1
            or {self.weights.shape[1:], self.biases.shape} != {self.scales.shape}
            or not all(np.isfinite(one).all() for one in (self.scales, self.biases))
        ):
            raise ValueError("its arrays do not fit together")


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence for some words of a vocabulary."""

    words: np.ndarray
    """Their ids, int32 (k,)."""
    hidden: Layer
    """From pooled features (n,) to (h,); what is below 0 of these becomes 0."""
    output: Layer
    """From there to the log-odds of the words (k,)."""
    usual: np.ndarray
    """Their log-odds in captions of any photo, float32 (k,)."""
    named: np.ndarray
    """Which words say something alone, bool (k,): a giraffe, not red or beside."""
    trust: float
    """What the distance of log-odds from the usual ones is times."""
    most: float
    """The most that is added to a log-probability or taken from it, but for words that are not said
    at all."""

    @classmethod
    def load(cls, path: Path, vocabulary_size: int) -> Evidence:
        """From an .npz file of arrays().

        Raises:
            ValueError: it is damaged, or not for so many words.
        """
        try:
            with path.open("rb") as file, np.load(file) as arrays:
                hidden, output = (
                    Layer(*(arrays[f"{layer}_{field.name}"] for field in fields(Layer)))
                    for layer in ("hidden", "output")
                )
                found = cls(
                    arrays["words"],
                    hidden,
                    output,
                    arrays["usual"],
                    arrays["named"],
                    float(arrays["trust"]),
                    float(arrays["most"]),
                )
            found._check()
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise ValueError(
                f"{path.name} is damaged, or of another version of Kantu ({error})"
            ) from error
        if not np.all((found.words >= 0) & (found.words < vocabulary_size)):
            raise ValueError(f"{path.name} is not for a vocabulary of {vocabulary_size} words")
        return found

    def _check(self) -> None:
        for layer in (self.hidden, self.output):
            layer.check()
        if (
            self.words.dtype.kind != "i"
            or self.named.dtype != bool
            or {self.words.shape, self.usual.shape, self.named.shape} != {self.output.scales.shape}
            or len(self.output.weights) != len(self.hidden.scales)
            or not all(np.isfinite(one).all() for one in (self.usual, self.trust, self.most))
        ):
            raise ValueError("its arrays do not fit together")

    def arrays(self) -> dict[str, np.ndarray]:
        """What load() reads, by name."""
        layers = (("hidden", self.hidden), ("output", self.output))
        named = {f"{name}_{key}": array for name, one in layers for key, array in vars(one).items()}
        others = ("words", "usual", "named", "trust", "most")
        return named | {name: np.array(getattr(self, name)) for name in others}

    def bias(self, pooled: np.ndarray) -> np.ndarray:
        """What is added to the log-probability of each of its words, float32 (k,), for a photo's
        pooled features, float32 (n,): NEVER where it says something alone and is unlikely. Raises
        ValueError where the features are not as many."""
        log_odds = self._log_odds(pooled)
        bias = np.clip(self.trust * (log_odds - self.usual), -self.most, self.most)
        return np.where(self.named & (_share(log_odds) < UNLIKELY), NEVER, bias)

    def likely(self, pooled: np.ndarray) -> dict[int, float]:
        """The ids of words that are worth naming of a photo, the likeliest first, and which share
        of its captions would have each. Takes and raises what bias() does."""
        shares = np.where(self.named, _share(self._log_odds(pooled)), 0)
        order = np.argsort(-shares, kind="stable")[: (shares >= LIKELY).sum()]
        return dict(zip(self.words[order].tolist(), shares[order].tolist(), strict=True))

    def _log_odds(self, pooled: np.ndarray) -> np.ndarray:
        features = len(self.hidden.weights)
        if len(pooled) != features:
            raise ValueError(f"evidence of {features} features, not of {len(pooled)}")
        return self.output(np.maximum(self.hidden(pooled), 0))


def _share(log_odds: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -log_odds))


def informed(step: Step, words: np.ndarray, bias: np.ndarray) -> Step:
    """A decoder's step, its probabilities of these words moved by a bias, and all of them together
    1 again."""

    def weigh(states: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probabilities, following = step(states, last)
        weighed = log_probabilities.copy()
        weighed[:, words] += bias
        return weighed - np.log(np.exp(weighed).sum(axis=1, keepdims=True)), following

    return weigh


def unsaid(likely: Iterable[str], said: Iterable[str] = ()) -> list[str]:
    """The likely words that a caption does not say, and that do not say the same: of dog and dogs,
    or 孩子 and 小孩子, the likelier."""
    known = [*said]
    found: list[str] = []
    for word in likely:
        if not any(_alike(word, one) for one in known):
            found.append(word)
            known.append(word)
    return found


def _alike(one: str, other: str) -> bool:
    """Whether one is the plural of the other or, in Chinese, a part of it."""
    shorter, longer = sorted((one, other), key=len)
    if not shorter.isascii():
        return shorter in longer
    return longer in (shorter, f"{shorter}s", f"{shorter}es", f"{shorter.removesuffix('y')}ies")
