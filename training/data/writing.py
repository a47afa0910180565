"""Writes TFRecord datasets: shards, vocabularies and `dataset.json`, all of it or nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.captioning.vocabulary import Vocabulary
from training.data.tfrecord import (
    METADATA,
    Captions,
    DatasetError,
    Example,
    read_shards,
    write_shards,
)
from training.data.tokenization import words

VOCABULARY_LANGUAGES = ("en", "zh")
MINIMUM_COUNT = 4
"""How often a word comes in the training captions to enter the vocabulary."""

_DATASET_FILE = re.compile(r"dataset\.json|vocabulary_\w+\.txt|\w+-\d+-of-\d+\.tfrecord")


@dataclass(frozen=True)
class Split:
    """Photos to write, read one at a time."""

    size: int
    examples: Iterable[Example]


@dataclass
class Counts:
    """How many photos went by, with how many captions."""

    photos: int = 0
    captions: Counter[str] = field(default_factory=Counter)
    """By language."""

    def add(self, captions: Captions) -> None:
        """Counts one photo."""
        self.photos += 1
        self.captions.update({language: len(texts) for language, texts in captions.items()})

    def passing(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The same examples, counted as they are read."""
        for example in examples:
            self.add(example.captions)
            yield example

    def as_json(self) -> dict[str, Any]:
        return {"photos": self.photos, "captions": dict(sorted(self.captions.items()))}


@contextmanager
def new_dataset(out: Path) -> Iterator[Path]:
    """A folder to write a dataset into.

    It gets the name `out` when it is whole, and an older dataset there is replaced then; where
    writing fails nothing of it stays.

    Raises:
        DatasetError: when `out` holds something else than a dataset.
    """
    out = out.resolve()
    partial = out.with_name(f"{out.name}.partial")
    for folder in (out, partial):
        _check_replaceable(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_splits(splits: Mapping[str, Split], folder: Path, shards: int) -> dict[str, Any]:
    """Writes the shards of each split, and the vocabularies of the split "train".

    Returns:
        The counts and shards of each split, as `dataset.json` names them.

    Raises:
        ValueError: when shards is less than 1.
    """
    written = {split: _write_split(folder, split, of, shards) for split, of in splits.items()}
    for language in VOCABULARY_LANGUAGES:
        if language in written["train"]["captions"]:
            _write_vocabulary(folder, language)
    return written


def write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    text = json.dumps(metadata, ensure_ascii=False, indent=2) + "\n"
    (folder / METADATA).write_text(text, encoding="utf-8", newline="\n")


def _check_replaceable(out: Path) -> None:
    """Nothing is deleted but what was written here."""
    if not out.exists():
        return
    if not out.is_dir():
        raise DatasetError(f"{out} is a file: choose another folder for the dataset.")
    for path in sorted(out.iterdir()):
        if not (path.is_file() and _DATASET_FILE.fullmatch(path.name)):
            raise DatasetError(
                f"{out} holds {path.name}, which is no part of a dataset: choose another folder."
            )


def _write_split(folder: Path, name: str, split: Split, shards: int) -> dict[str, Any]:
    counts = Counts()
    digests = write_shards(counts.passing(split.examples), split.size, folder, name, shards)
    return {**counts.as_json(), "shards": digests}


def _write_vocabulary(folder: Path, language: str) -> None:
    # Read again from the shards: captions of any number need no memory.
    captions = (
        text
        for example in read_shards(folder, "train")
        for text in example.captions.get(language, ())
    )
    vocabulary = Vocabulary.build((words(text, language) for text in captions), MINIMUM_COUNT)
    vocabulary.save(folder / f"vocabulary_{language}.txt")
