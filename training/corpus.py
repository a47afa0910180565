"""One split of a dataset as a decoder's training sees it: features and words, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.captioning.vocabulary import Vocabulary
from training.datasets import open_split
from training.features import Features, load_features
from training.recipes import Recipe
from training.tokenization import words

BUCKET = 20
"""Captions are sorted by length within so many batches, so that little is padding."""


@dataclass(frozen=True)
class Corpus:
    """Features and captions of one split, photo by photo."""

    features: Features
    captions: list[list[list[str]]]
    """The words of each caption of each photo."""
    rows: np.ndarray | None = None
    """Where in the features each photo is. None: they are the same photos in the same order."""

    def look(
        self, views: int | np.ndarray, photos: slice | Sequence[int] | np.ndarray = slice(None)
    ) -> np.ndarray:
        """Features of a view of each of these photos, float32 (photos, n). Reads no others."""
        rows = photos if self.rows is None else self.rows[photos]
        return self.features.values[views, rows].astype(np.float32)


@dataclass(frozen=True)
class Batch:
    features: np.ndarray
    """float32 (batch, n)"""
    inputs: np.ndarray
    """int32 (batch, time): `<start>` and the words."""
    targets: np.ndarray
    """int32 (batch, time): the words and `<end>`."""
    mask: np.ndarray
    """float32 (batch, time): 1 where there is a target."""


def load_corpus(dataset: Path, features: Path, split: str, language: str) -> Corpus:
    """The photos that have captions in a language: a dataset may hold others for another decoder.

    Raises:
        ValueError: where the features were computed from photos that the dataset does not have, or
            no photo has captions in that language.
    """
    cached = load_features(features, split)
    captions = {
        example.file_name: [
            words(caption, language) for caption in example.captions.get(language, ())
        ]
        for example in open_split(dataset, split)
    }
    missing = [name for name in cached.names if name not in captions]
    if missing:
        raise ValueError(
            f"{features} was computed from another dataset: {dataset} has no photo and no "
            f"{language!r} captions of {missing[0]} ({len(missing)} such photos in {split})"
        )
    rows = [row for row, name in enumerate(cached.names) if captions[name]]
    if not rows:
        raise ValueError(f"{dataset} has no {language!r} captions in {split}")
    return Corpus(cached, [captions[cached.names[row]] for row in rows], np.array(rows))


def batches(corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe, epoch: int) -> Iterator[Batch]:
    """All captions once, in an order that depends on seed and epoch alone; each with a random view
    of its photo."""
    random = np.random.default_rng([recipe.seed, epoch])
    examples = [
        (photo, vocabulary.encode(caption[: recipe.max_words]))
        for photo, captions in enumerate(corpus.captions)
        for caption in captions
        if caption
    ]
    order = random.permutation(len(examples))
    chunk = BUCKET * recipe.batch_size
    groups = []
    for first in range(0, len(order), chunk):
        # All groups but one are of batch_size: each new shape costs the training a new graph.
        by_length = sorted(order[first : first + chunk], key=lambda index: len(examples[index][1]))
        groups += [
            by_length[at : at + recipe.batch_size]
            for at in range(0, len(by_length), recipe.batch_size)
        ]
    for group in random.permutation(len(groups)):
        yield _batch(corpus, [examples[index] for index in groups[group]], random)


def _batch(
    corpus: Corpus, examples: list[tuple[int, list[int]]], random: np.random.Generator
) -> Batch:
    time = max(len(ids) for _, ids in examples) + 1
    inputs, targets = np.full((2, len(examples), time), Vocabulary.end, np.int32)
    mask = np.zeros((len(examples), time), np.float32)
    for row, (_, ids) in enumerate(examples):
        inputs[row, : len(ids) + 1] = [Vocabulary.start, *ids]
        targets[row, : len(ids)] = ids
        mask[row, : len(ids) + 1] = 1
    views = random.integers(len(corpus.features.values), size=len(examples))
    photos = [photo for photo, _ in examples]
    return Batch(corpus.look(views, photos), inputs, targets, mask)
