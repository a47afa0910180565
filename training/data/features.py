"""What training reads of a collection: its captions' words, and its photos' features, cached.

    FEATURES/efficientnet_lite3-grid-1a2b3c4d/      of one encoder's weights
        encoder.json, encoder.tflite, matching.npz  the encoder in int8, as training.encoders.int8
        stage.npz                                   the weights of its EncoderStage
        flickr8k/                                   of one collection, as CollectionSplit
            features.json, train.jsonl, dev.jsonl
            train-grid.npy, dev-grid.npy, train-regions.npy, …
            train-photos.npz, dev-photos.npz        where the whole encoder is trained

A decoder learns from what it will be served: features are those of the int8 encoder. Reading them
needs neither TensorFlow nor the photos.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.captioning.checkpoint import sha256
from training.data.augmentation import augment
from training.saving import save_arrays

FACTS = "features.json"
PHOTO = "photo"
"""The name of photos that stand in features' place, for the whole encoder to look at."""


@dataclass(frozen=True)
class CollectionSplit:
    """One split of a collection."""

    names: list[str]
    """File name of each photo."""
    captions: list[dict[str, list[list[str]]]]
    """The words of each caption of each photo, by language."""
    features: dict[str, Any]
    """By "pooled", "grid" and "regions": float16 (augmentations, photos, …), mapped from disk; or
    by "photo" PackedPhotos."""
    augmentations: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of one photo's features, by name."""
        return {name: tuple(values.shape[2:]) for name, values in self.features.items()}


class PackedPhotos:
    """Photos as the files they came in, decoded and augmented as they are asked for; indexed like
    an array uint8 (augmentations, photos, height, width, 3)."""

    def __init__(self, path: Path, names: Sequence[str], augmentations: int):
        """Raises FileNotFoundError where they were not packed."""
        with np.load(path) as arrays:
            self._files = np.split(arrays["bytes"], arrays["ends"][:-1])
        self._names = names
        self._threads = ThreadPoolExecutor()
        size = _decoded(self._files[0]).shape if self._files else (0, 0, 3)
        self.shape = (augmentations, len(self._files), *size)

    def __getitem__(self, places: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return np.stack(list(self._threads.map(self._augmented, *places)))

    def _augmented(self, nth: int, photo: int) -> np.ndarray:
        return augment(_decoded(self._files[photo]), int(nth), self._names[photo])


def pack_photos(path: Path, files: Sequence[bytes]) -> None:
    """Writes what PackedPhotos reads."""
    ends = np.cumsum([len(file) for file in files])
    together = np.frombuffer(b"".join(files), np.uint8)
    save_arrays(path, {"bytes": together, "ends": ends})


def _decoded(file: np.ndarray) -> np.ndarray:
    with Image.open(BytesIO(file.tobytes())) as opened:
        return np.asarray(opened.convert("RGB"))


def encoder_folder(features: Path, encoder: str, kind: str, weights: Path) -> Path:
    """Where features of an encoder with these weights are, in the folder of all features."""
    return features / f"{encoder}-{kind}-{sha256(weights)[:8]}"


def load_stage(folder: Path) -> list[np.ndarray] | None:
    """The weights of the EncoderStage among those of the encoder; None where the encoder has
    none."""
    if not (folder / "stage.npz").exists():
        return None
    with np.load(folder / "stage.npz") as arrays:
        return [arrays[name] for name in sorted(arrays)]


def load_facts(folder: Path) -> dict[str, Any]:
    """What a collection's folder was computed of; features without a version are of the first.
    Raises FileNotFoundError."""
    return {"version": 1, **json.loads((folder / FACTS).read_text(encoding="utf-8"))}


def has_split(folder: Path, split: str) -> bool:
    """Whether a collection has photos in a split."""
    return (folder / f"{split}.jsonl").exists()


def load_split(
    folder: Path, split: str, names: Sequence[str], augmentations: int = 1
) -> CollectionSplit:
    """Reads a split of a collection.

    Args:
        folder: of one collection.
        split: "train" or "dev".
        names: of the features that are wanted, or PHOTO.
        augmentations: of each photo; there may be more on disk.

    Raises:
        FileNotFoundError: they were not computed.
        ValueError: there are fewer augmentations.
    """
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")
    entries = [json.loads(line) for line in lines]
    photos = [entry.pop("name") for entry in entries]
    features: dict[str, Any] = {}
    for name in names:
        if name == PHOTO:
            packed = folder / f"{split}-photos.npz"
            features[name] = PackedPhotos(packed, photos, augmentations)
        else:
            features[name] = np.load(folder / f"{split}-{name}.npy", mmap_mode="r")
            if len(features[name]) < augmentations:
                raise ValueError(
                    f"{folder} has {len(features[name])} augmentations of {split} photos, and "
                    f"{augmentations} are asked for: compute the features again"
                )
    return CollectionSplit(photos, entries, features, augmentations)
