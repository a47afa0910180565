"""The folder of one training: what it was, how it went, and its best weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from app.captioning.vocabulary import Vocabulary
from training.corpus import Corpus
from training.decoders import ShowAndTell
from training.recipes import Recipe
from training.trainer import Trainer, build_decoder, save_arrays


@dataclass(frozen=True)
class TrainedDecoder:
    """What a finished run holds."""

    recipe: Recipe
    vocabulary: Vocabulary
    decoder: ShowAndTell
    trained_on: dict[str, Any]
    scores: dict[str, float]


def load_run(run: Path) -> TrainedDecoder:
    """The epoch of a run that was kept."""
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    recipe = Recipe(**config["recipe"])
    vocabulary = Vocabulary.load(run / "vocabulary.txt")
    decoder = build_decoder(recipe, len(vocabulary), config["feature_size"], "float32")
    with np.load(run / "best.npz") as arrays:
        for index, variable in enumerate(decoder.weights):
            variable.assign(arrays[f"weights_{index}"])
    scores = json.loads((run / "best.json").read_text(encoding="utf-8"))
    return TrainedDecoder(recipe, vocabulary, decoder, config["trained_on"], scores)


def prepare_run(run: Path, recipe: Recipe, vocabulary: Vocabulary, corpus: Corpus) -> None:
    run.mkdir(parents=True, exist_ok=True)
    config = {
        "recipe": asdict(recipe),
        "feature_size": int(corpus.features.values.shape[-1]),
        "trained_on": {
            "photos": len(corpus.captions),
            "captions": sum(map(len, corpus.captions)),
            "vocabulary": len(vocabulary),
        },
    }
    path = run / "config.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != config:
        raise ValueError(
            f"{run} holds a training of another recipe or dataset; choose another --run"
        )
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    vocabulary.save(run / "vocabulary.txt")


def keep_best(trainer: Trainer, figures: dict[str, float], run: Path) -> None:
    if figures["dev/CIDEr"] <= trainer.progress.best_cider and not trainer.recipe.keep_last:
        return
    trainer.progress.best_cider = figures["dev/CIDEr"]
    trainer.progress.best_epoch = trainer.progress.epoch
    weights = enumerate(trainer.decoder.weights)
    save_arrays(run / "best.npz", {f"weights_{index}": one.numpy() for index, one in weights})
    scores = {
        name.removeprefix("dev/"): value
        for name, value in figures.items()
        if name.startswith("dev/")
    }
    text = json.dumps({"epoch": trainer.progress.epoch, **scores}, indent=2) + "\n"
    (run / "best.json").write_text(text, encoding="utf-8")


def log(run: Path, writer: Any, epoch: int, figures: dict[str, float]) -> None:
    print(f"epoch {epoch}: " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"epoch": epoch, **figures}) + "\n")
    with writer.as_default(epoch):
        for name, value in figures.items():
            tf.summary.scalar(name, value)
    writer.flush()
