"""Trains toys in a process of its own, for a backend and as many devices as its environment says.

python -m tests.training.train.worker RUN FEATURES EPOCHS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from training.data.features import FACTS
from training.encoders import ENCODERS
from training.recipes import DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe, SelfCritical
from training.saving import save_json, save_text
from training.train.run_folder import Run
from training.train.training import Inputs, train

SCORED_EPOCHS = 8
CAPTIONS = ["a red square", "a green ball", "two blue dogs run"]


def recipe(epochs: int, scored: bool = False) -> Recipe:
    """Without dropout, whose random numbers each backend draws for itself."""
    decoder = DecoderConfig("soft_attention", 16, 16, feature_dropout=0.0, dropout=0.0)
    stages: tuple = (MaximumLikelihood(epochs=epochs, learning_rate=1e-2, batch_size=4),)
    if scored:
        stages += (
            SelfCritical(
                epochs=SCORED_EPOCHS, batch_size=6, likelihood_batch_size=4, samples=3, max_length=5
            ),
        )
    return Recipe(
        languages={"en": LanguageConfig((decoder,), max_length=5)},
        stages=stages,
        data=("toys",),
        dev=("toys",),
        grid=True,
        precision="float32",
    )


def write_features(folder: Path) -> None:
    """Features of photos that show one of three things, as training.data.compute writes them."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for split, photos in (("train", 18), ("dev", 6)):
        grid = random.normal(size=(1, photos, 4, 3)) + np.arange(photos)[:, None, None] % 3
        np.save(folder / f"{split}-grid.npy", grid.astype(np.float16))
        entries = (
            {"name": f"{split}{photo}.jpg", "en": [CAPTIONS[photo % 3].split()] * 2}
            for photo in range(photos)
        )
        lines = map(json.dumps, entries)
        save_text(folder / f"{split}.jsonl", "\n".join(lines))
    save_json(folder / FACTS, {"augmentations": 1, "photo_size": 224, "dataset_sha256": "0"})
    (folder / "weights").write_bytes(b"none are read")


def run(folder: Path, features: Path, of: Recipe) -> Run:
    inputs = Inputs(next(iter(ENCODERS)), features / "weights", None, {"toys": features}, ("toys",))
    return train(of, lambda trained: inputs, folder)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), recipe(int(sys.argv[3]), "scored" in sys.argv))
