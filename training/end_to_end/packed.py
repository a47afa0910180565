"""Reads what training.end_to_end.pack wrote."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from app.captioning.vocabulary import Vocabulary
from training.data.augmentation import view
from training.data.corpus import Corpus, Features
from training.encoders.encoder import Weights
from training.encoders.weights import read_weights
from training.recipes import Recipe


@dataclass(frozen=True)
class Packed:
    """One split."""

    names: list[str]
    captions: list[dict[str, list[list[str]]]]
    """Of each photo, by language."""
    photos: np.ndarray
    """uint8 (views, photos, height, width, 3)"""

    def corpus(self, language: str, values: np.ndarray | None = None) -> Corpus:
        """The photos that have captions in a language.

        Args:
            values: (views, photos, …), what is known of all photos; the photos themselves where
                none are given.

        Raises:
            ValueError: there are none.
        """
        features = Features(self.names, self.photos if values is None else values)
        rows = [row for row, captions in enumerate(self.captions) if any(captions[language])]
        if not rows:
            raise ValueError(f"the pack has no {language!r} captions")
        return Corpus(features, [self.captions[row][language] for row in rows], np.array(rows))


def load_packed(folder: Path, split: str, views: int) -> Packed:
    """A split with so many views of each photo. Raises FileNotFoundError."""
    captions = json.loads((folder / f"captions-{split}.json").read_text(encoding="utf-8"))
    names = [photo.pop("name") for photo in captions]
    with np.load(folder / f"photos-{split}.npz") as arrays:
        files = np.split(arrays["bytes"], arrays["ends"][:-1])

    def views_of(photo: tuple[str, np.ndarray]) -> np.ndarray:
        name, file = photo
        with Image.open(BytesIO(file.tobytes())) as opened:
            whole = opened.convert("RGB")
        return np.stack([np.asarray(view(whole, index, name)) for index in range(views)])

    with ThreadPoolExecutor() as pool:
        seen = pool.map(views_of, zip(names, files, strict=True))
        first = next(seen)
        photos = np.empty((views, len(names), *first.shape[1:]), np.uint8)
        photos[:, 0] = first
        for row, one in enumerate(seen, 1):
            photos[:, row] = one
    return Packed(names, captions, photos)


def load_vocabulary(folder: Path, recipe: Recipe) -> Vocabulary:
    return recipe.vocabulary(Vocabulary.load(folder / f"vocabulary_{recipe.language}.txt"))


def load_encoder(folder: Path) -> Weights:
    """Those of a pack, or of a training."""
    return read_weights(folder / "encoder.npz")
