"""Reads a dataset's captions beside the features that were computed of its photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data import open_split
from training.data.corpus import Corpus
from training.data.features import load_features
from training.data.tokenization import words


def load_corpus(
    dataset: Path, features: Path, split: str, language: str, translated: bool = False
) -> Corpus:
    """The photos that have captions in a language: a dataset may hold others for another decoder.

    Args:
        translated: whether to load machine translations too.

    Raises:
        ValueError: where the features were computed from photos that the dataset does not have, or
            no photo has captions in that language.
    """
    cached = load_features(features, split)
    texts = {example.file_name: example.captions for example in open_split(dataset, split)}

    def tokenised(source: str) -> dict[str, list[list[str]]]:
        return {
            name: [words(caption, language) for caption in captions.get(source, ())]
            for name, captions in texts.items()
        }

    captions = tokenised(language)
    translations = tokenised(f"{language}_translated") if translated else {}
    missing = [name for name in cached.names if name not in captions]
    if missing:
        raise ValueError(
            f"{features} was computed from another dataset: {dataset} has no photo and no "
            f"{language!r} captions of {missing[0]} ({len(missing)} such photos in {split})"
        )
    rows = [row for row, name in enumerate(cached.names) if any(captions[name])]
    if not rows:
        raise ValueError(f"{dataset} has no {language!r} captions in {split}")
    kept = [cached.names[row] for row in rows]
    return Corpus(
        cached,
        [captions[name] for name in kept],
        np.array(rows),
        [translations[name] for name in kept] if translated else [],
    )
