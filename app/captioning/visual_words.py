"""Visual words: what a decoder calls a region, beside the words of its vocabulary.

A decoder that points at regions chooses among tokens: the words of its vocabulary, numbered as
there, then for each region the words that its class is called by. Token V + r × FORMS + k is the
k-th visual word of the class of region r, V being the size of the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from app.captioning.beam_search import Rules
from app.captioning.detector import REGIONS
from app.captioning.vocabulary import Vocabulary

FORMS = 64
"""Most visual words of a class."""


@dataclass(frozen=True)
class VisualWords:
    """Of one language."""

    vocabulary: Vocabulary
    classes: tuple[str, ...]
    """Names of the detector's, in its order."""
    ids: np.ndarray
    """int32 (classes, FORMS): the words' places in the vocabulary, -1 after the last."""
    logit_bias: np.ndarray
    """float32 (classes,): what a search adds to the log-probability of words that point at each."""

    @classmethod
    def of(
        cls,
        vocabulary: Vocabulary,
        words: Mapping[str, Sequence[str]],
        logit_bias: Mapping[str, float] = MappingProxyType({}),
    ) -> VisualWords:
        """
        Args:
            words: of each class, by its name.
            logit_bias: by the same names; 0 where there is none.

        Raises:
            ValueError: the vocabulary lacks one of the words.
        """
        ids = np.full((len(words), FORMS), -1, np.int32)
        for row, forms in zip(ids, words.values(), strict=True):
            row[: len(forms)] = vocabulary.encode(forms[:FORMS])
        if (ids == vocabulary.unknown).any():
            raise ValueError("a visual word is not in the vocabulary")
        biases = np.array([logit_bias.get(name, 0.0) for name in words], np.float32)
        return cls(vocabulary, tuple(words), ids, biases)

    @classmethod
    def load(cls, path: Path, vocabulary: Vocabulary) -> VisualWords:
        """Raises ValueError, KeyError or TypeError where it is none, or does not fit the
        vocabulary."""
        entries = json.loads(path.read_text(encoding="utf-8"))
        words = {name: entry["words"] for name, entry in entries.items()}
        biases = {name: entry["logit_bias"] for name, entry in entries.items()}
        return cls.of(vocabulary, words, biases)

    def save(self, path: Path) -> None:
        entries = {
            name: {
                "words": self.vocabulary.decode(ids[ids >= 0]),
                "logit_bias": round(float(bias), 2),
            }
            for name, ids, bias in zip(self.classes, self.ids, self.logit_bias, strict=True)
        }
        lines = (
            f"{json.dumps(name)}: {json.dumps(entry, ensure_ascii=False)}"
            for name, entry in entries.items()
        )
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

    def rules(self, rules: Rules, classes: Sequence[int]) -> Rules:
        """The rules of a search among the tokens of a photo. No region is pointed at twice.

        Args:
            classes: of a photo's regions, places in self.classes.
        """
        forms = self._surface_forms(classes)
        unused = np.flatnonzero(forms == Vocabulary.unknown)
        size = len(self.vocabulary)
        once = np.full(len(forms), -1)
        once[size:] = np.repeat(np.arange(REGIONS), FORMS)
        bias = np.zeros(len(forms), np.float32)
        bias[size : size + len(classes) * FORMS] = np.repeat(self.logit_bias[list(classes)], FORMS)
        return replace(
            rules,
            surface_forms=forms,
            once=once,
            logit_bias=bias,
            banned=(*rules.banned, *unused.tolist()),
        )

    def _surface_forms(self, classes: Sequence[int]) -> np.ndarray:
        """What each token is written as: int32 (tokens,), words of the vocabulary. Tokens that are
        no word's are `<unk>`."""
        table = np.full((REGIONS, FORMS), Vocabulary.unknown, np.int32)
        table[: len(classes)] = self.ids[list(classes)]
        table[table < 0] = Vocabulary.unknown
        return np.concatenate([np.arange(len(self.vocabulary), dtype=np.int32), table.ravel()])

    def region(self, token: int) -> int | None:
        """The region that a token points at."""
        place = token - len(self.vocabulary)
        return place // FORMS if place >= 0 else None

    def tokens(self, name: str, rules: Rules) -> Collection[int]:
        """Those that name an object of a class, whether or not they point at a region.

        Args:
            rules: of a photo, from rules().
        """
        ids = self.ids[self.classes.index(name)]
        assert rules.surface_forms is not None
        return frozenset(np.flatnonzero(np.isin(rules.surface_forms, ids[ids >= 0])).tolist())
