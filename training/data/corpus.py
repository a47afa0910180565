"""One split of a dataset as a decoder's training sees it: features and words, in batches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from app.captioning.objects import words as words_of_classes
from app.captioning.vocabulary import Vocabulary
from training.recipes import Recipe

BUCKET = 20
"""Photos are sorted by their longest caption within so many batches, so that little is padding."""

LENGTHS = 3
"""Batches are as long as a multiple of this: each new length costs the training a new graph."""


@dataclass(frozen=True)
class Features:
    """One split's features, read from disk as they are needed."""

    names: list[str]
    """File name of each photo."""
    values: np.ndarray
    """float16 (views, photos, n), or (views, photos, cells, n) of a map."""
    tail: list[np.ndarray] | None = None
    """What the encoder would do with the map next: kernels and biases as front.Tail has them, where
    it has such a tail."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one photo's: (n,) or (cells, n)."""
        return self.values.shape[2:]


@dataclass(frozen=True)
class Corpus:
    """Features and captions of one split, photo by photo."""

    features: Features
    captions: list[list[list[str]]]
    """The words of each caption of each photo."""
    rows: np.ndarray
    """Where in the features each photo is."""
    translated: list[list[list[str]]] = field(default_factory=list)
    """Machine translations of other captions of each photo, to learn from and never to measure by;
    none at all where they are not asked for."""

    @property
    def names(self) -> list[str]:
        """File name of each photo."""
        return [self.features.names[row] for row in self.rows]

    def look(
        self, views: int | np.ndarray, photos: slice | Sequence[int] | np.ndarray = slice(None)
    ) -> np.ndarray:
        """Features of a view of each of these photos, float32 (photos, …). Reads no others."""
        return self.features.values[views, self.rows[photos]].astype(np.float32)


@dataclass(frozen=True)
class Batch:
    """Photos, and as many captions of each: those of a photo follow each other."""

    features: np.ndarray
    """float32 (photos, n) or (photos, cells, n)"""
    inputs: np.ndarray
    """int32 (captions, time): `<start>` and the words."""
    targets: np.ndarray
    """int32 (captions, time): the words and `<end>`."""
    mask: np.ndarray
    """float32 (captions, time): 1 where there is a target."""


def mentioned(corpus: Corpus, vocabulary: Vocabulary) -> np.ndarray:
    """Whether a caption of a photo has a word, bool (photos, vocabulary)."""
    table = np.zeros((len(corpus.captions), len(vocabulary)), bool)
    for photo, captions in enumerate(corpus.captions):
        for caption in captions:
            table[photo, vocabulary.encode(caption)] = True
    table[:, vocabulary.unknown] = False
    return table


def batches(corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe, epoch: int) -> Iterator[Batch]:
    """All photos once, in an order that depends on seed and epoch alone, each in a random view and
    with recipe.captions_each of its captions: drawn anew in each epoch where it has more, and
    beside empty rows where it has fewer."""
    random = np.random.default_rng([recipe.seed, epoch])
    chosen = [
        _choose(_ids(corpus, photo, vocabulary, recipe), recipe.captions_each, random)
        for photo in range(len(corpus.captions))
    ]
    order = random.permutation(len(chosen))
    size = recipe.photos
    groups = []
    for first in range(0, len(order), BUCKET * size):
        # All groups but one are of one size: each new shape costs the training a new graph.
        by_length = sorted(
            order[first : first + BUCKET * size], key=lambda photo: max(map(len, chosen[photo]))
        )
        groups += [by_length[at : at + size] for at in range(0, len(by_length), size)]
    for group in random.permutation(len(groups)):
        photos = np.array(groups[group])
        views = random.integers(len(corpus.features.values), size=len(photos))
        captions = [ids for photo in photos for ids in chosen[photo]]
        yield Batch(corpus.look(views, photos), *_padded(captions))


def _ids(corpus: Corpus, photo: int, vocabulary: Vocabulary, recipe: Recipe) -> list[list[int]]:
    """What a photo's captions begin with, and their words."""
    said = joined if recipe.grounded else list
    sources = [corpus.captions, *([corpus.translated] if corpus.translated else [])]
    return [
        vocabulary.encode([recipe.start_of(words, bool(nth)), *said(words)[: recipe.max_words]])
        for nth, source in enumerate(sources)
        for words in source[photo]
        if words
    ]


def joined(words: Sequence[str]) -> list[str]:
    """Words of a caption, those of a name such as "teddy bear" as one."""
    text = " ".join(words)
    for name in names_of_several_words():
        if name not in text:
            continue
        text = re.sub(rf"(?<!\S){name}(?!\S)", name.replace(" ", "_"), text)
    return [word.replace("_", " ") for word in text.split()]


@cache
def names_of_several_words() -> list[str]:
    """The longest first."""
    names = [name for forms in words_of_classes("en").values() for name in forms if " " in name]
    return sorted(names, key=len, reverse=True)


def _choose(captions: list[list[int]], count: int, random: np.random.Generator) -> list[list[int]]:
    """So many captions; rows that stand for none are empty."""
    if len(captions) > count:
        captions = [captions[at] for at in random.permutation(len(captions))[:count]]
    return captions + [[]] * (count - len(captions))


def _padded(captions: list[list[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets and mask of a batch, from starts and words."""
    longest = max(map(len, captions))
    time = longest + -longest % LENGTHS
    inputs, targets = np.full((2, len(captions), time), Vocabulary.end, np.int32)
    mask = np.zeros((len(captions), time), np.float32)
    for row, ids in enumerate(captions):
        inputs[row, : len(ids)] = ids
        targets[row, : max(0, len(ids) - 1)] = ids[1:]
        mask[row, : len(ids)] = 1
    return inputs, targets, mask
