"""Visual words: what a decoder calls a region, beside the words of its vocabulary.

A decoder that points at regions chooses among tokens: the words of its vocabulary, numbered as
there, then for each region the words that its class is called by. Token V + r × FORMS + k is the
k-th visual word of the class of region r, V being the size of the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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

    @classmethod
    def of(cls, vocabulary: Vocabulary, words: dict[str, Sequence[str]]) -> VisualWords:
        """
        Args:
            words: of each class, by its name.

        Raises:
            ValueError: the vocabulary lacks one of them.
        """
        ids = np.full((len(words), FORMS), -1, np.int32)
        for row, forms in zip(ids, words.values(), strict=True):
            row[: len(forms)] = vocabulary.encode(forms[:FORMS])
        if (ids == vocabulary.unknown).any():
            raise ValueError("a visual word is not in the vocabulary")
        return cls(vocabulary, tuple(words), ids)

    @classmethod
    def load(cls, path: Path, vocabulary: Vocabulary) -> VisualWords:
        """Raises ValueError where it does not fit the vocabulary."""
        return cls.of(vocabulary, json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        words = {
            name: self.vocabulary.decode(ids[ids >= 0])
            for name, ids in zip(self.classes, self.ids, strict=True)
        }
        path.write_text(json.dumps(words, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    def heard(self, classes: Sequence[int]) -> np.ndarray:
        """What each token is heard as: int32 (tokens,), words of the vocabulary. Tokens that say
        nothing are `<unk>`.

        Args:
            classes: of a photo's regions, places in self.classes.
        """
        table = np.full((REGIONS, FORMS), Vocabulary.unknown, np.int32)
        table[: len(classes)] = self.ids[list(classes)]
        table[table < 0] = Vocabulary.unknown
        return np.concatenate([np.arange(len(self.vocabulary), dtype=np.int32), table.ravel()])

    def rules(self, rules: Rules, heard: np.ndarray, pointing: float) -> Rules:
        """The rules of a search among the tokens of a photo. No region is pointed at twice.

        Args:
            heard: from heard().
            pointing: what is added to the log-probability of each word that points, at least 0.
        """
        silent = np.flatnonzero(heard == Vocabulary.unknown)
        words = np.full(len(self.vocabulary), -1)
        once = np.concatenate([words, np.repeat(np.arange(REGIONS), FORMS)])
        return replace(
            rules,
            spoken=heard,
            once=once,
            favour=np.where(once < 0, 0, pointing).astype(np.float32) if pointing else None,
            banned=(*rules.banned, *silent.tolist()),
        )

    def region(self, token: int) -> int | None:
        """The region that a token points at."""
        place = token - len(self.vocabulary)
        return place // FORMS if place >= 0 else None

    def tokens(self, name: str, heard: np.ndarray) -> Collection[int]:
        """Those that name an object of a class, whether or not they point at a region.

        Args:
            heard: of a photo, from heard().
        """
        ids = self.ids[self.classes.index(name)]
        return frozenset(np.flatnonzero(np.isin(heard, ids[ids >= 0])).tolist())
