"""The folder of one training: what it was, how it went, and its best weights.

config.json      the recipe and what it was trained on
vocabulary.txt
log.jsonl        the figures of each epoch; tensorboard/ has the same
curves.png       the same as a picture
samples/         what was said of the same dev photos after each epoch
state.npz        to go on from
best.npz         weights of the epoch that is kept; best.json has its scores
ended.json       why the training is over, once it is
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from app.captioning.checkpoint import sha256
from app.captioning.vocabulary import Vocabulary, sentence
from training.data.corpus import Corpus
from training.decoders import Decoder
from training.decoders.building import DecoderShape, build_decoder
from training.decoders.taught import favours
from training.recipes import Recipe
from training.train.plots import draw_curves
from training.train.saving import save_arrays
from training.train.trainer import Trainer

SAMPLES = 10
WEIGHTS = "best.npz"
ENDED = "ended.json"


@dataclass(frozen=True)
class TrainedDecoder:
    """What a run keeps."""

    recipe: Recipe
    vocabulary: Vocabulary
    decoder: Decoder
    trained_on: dict[str, Any]
    scores: dict[str, float]
    favours: dict[str, float]
    """Of words that point, from training.decoders.taught; none of other decoders."""


def load_run(run: Path) -> TrainedDecoder:
    """The epoch of a run that was kept.

    Raises:
        FileNotFoundError: there is no run, or no epoch of it is done.
        ValueError: the run is one of another version of this program.
    """
    config = read_config(run)
    if not (run / WEIGHTS).exists():
        raise FileNotFoundError(f"{run} has no trained decoder yet: its first epoch is not done")
    try:
        recipe = Recipe.from_dict(config["recipe"])
        shape = DecoderShape.from_dict(config["shape"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{run} was trained by another version of this program") from error
    vocabulary = Vocabulary.load(run / "vocabulary.txt")
    decoder = build_decoder(recipe, shape, "float32")
    with np.load(run / WEIGHTS) as arrays:
        for index, variable in enumerate(decoder.weights):
            variable.assign(arrays[f"weights_{index}"])
    scores = json.loads((run / "best.json").read_text(encoding="utf-8"))
    favoured = config.get("favours", {})
    return TrainedDecoder(recipe, vocabulary, decoder, config["trained_on"], scores, favoured)


def read_config(run: Path) -> dict[str, Any]:
    """Raises FileNotFoundError where there is no run."""
    path = run / "config.json"
    if not path.exists():
        raise FileNotFoundError(f"{run} holds no training: it has no config.json")
    return json.loads(path.read_text(encoding="utf-8"))


def kept_epoch(run: Path) -> int | None:
    """The epoch whose weights are kept; None before the first."""
    try:
        with np.load(run / WEIGHTS) as arrays:
            return int(arrays["epoch"])
    except FileNotFoundError:
        return None


def features_facts(features: Path) -> dict[str, Any]:
    """What a features folder was computed with: encoder, kind, the weights' SHA-256, photo size."""
    facts = json.loads((features / "features.json").read_text(encoding="utf-8"))
    return {name: value for name, value in facts.items() if name != "names"}


def run_config(
    recipe: Recipe,
    dataset: Path,
    features: Path,
    corpus: Corpus,
    word2vec: Path | None = None,
    tail: Path | None = None,
) -> dict[str, Any]:
    """All that decides how a training goes, as config.json holds it."""
    path = dataset / f"vocabulary_{recipe.language}.txt"
    vocabulary = recipe.vocabulary(Vocabulary.load(path))
    config = {
        "recipe": asdict(recipe),
        "shape": asdict(DecoderShape.of(vocabulary, corpus.features)),
        "features": features_facts(features),
        "vocabulary_sha256": sha256(path),
        "word2vec_sha256": word2vec and sha256(word2vec),
        "tail_sha256": tail and sha256(tail / WEIGHTS),
        "trained_on": {
            "photos": len(corpus.captions),
            "captions": sum(map(len, corpus.captions)),
            "vocabulary": len(vocabulary),
        },
    }
    if recipe.grounded:
        config["favours"] = favours(corpus.captions, recipe.language)
    return json.loads(json.dumps(config))


def check_run(run: Path, config: dict[str, Any]) -> None:
    """Raises ValueError where a run folder holds a training of another config."""
    if not (run / "config.json").exists():
        return
    before = read_config(run)
    # What an earlier version of this program did not write down is not held against a run.
    differing = [name for name in config if before.get(name, config[name]) != config[name]]
    if differing:
        raise ValueError(
            f"{run} holds a training of another recipe or dataset ({', '.join(differing)} differ); "
            "choose another --run"
        )


def begin_run(run: Path, config: dict[str, Any], vocabulary: Vocabulary) -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / ENDED).unlink(missing_ok=True)
    vocabulary.save(run / "vocabulary.txt")
    _write_json(run / "config.json", config)


def end_run(run: Path, reason: str) -> None:
    _write_json(run / ENDED, {"reason": reason})


def why_ended(run: Path) -> str | None:
    """None while a training is going on, or was killed."""
    try:
        return json.loads((run / ENDED).read_text(encoding="utf-8"))["reason"]
    except FileNotFoundError:
        return None


def keep_best(trainer: Trainer, figures: dict[str, float], run: Path) -> None:
    """Keeps the weights that are the best by dev CIDEr, or the last where the recipe says so."""
    progress = trainer.progress
    better = figures["dev/CIDEr"] > progress.best_cider
    if better:
        progress.best_cider, progress.best_epoch = figures["dev/CIDEr"], progress.epoch
    if not better and not trainer.recipe.keep_last:
        return
    scores = {
        name.removeprefix("dev/"): value
        for name, value in figures.items()
        if name.startswith("dev/")
    }
    keep(run, trainer.decoder, progress.epoch, {"epoch": progress.epoch, **scores})


def keep(run: Path, decoder: Decoder, epoch: int, scores: dict[str, float]) -> None:
    """Keeps a decoder's weights, of which epoch they are, and its scores on dev."""
    save_weights(run, decoder, epoch=epoch)
    _write_json(run / "best.json", scores)


def save_weights(run: Path, decoder: Decoder, **facts: int) -> None:
    """As load_run() reads them, with facts beside them."""
    arrays = {f"weights_{index}": one.numpy() for index, one in enumerate(decoder.weights)}
    save_arrays(run / WEIGHTS, arrays | facts)


def log(run: Path, writer: Any, epoch: int, figures: dict[str, float]) -> None:
    print(f"epoch {epoch}: " + ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"epoch": epoch, **figures}) + "\n")
    with writer.as_default(epoch):
        for name, value in figures.items():
            tf.summary.scalar(name, value)
    writer.flush()


def read_log(run: Path) -> list[dict[str, float]]:
    """The figures of each epoch, in order."""
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def write_curves(run: Path) -> None:
    draw_curves(read_log(run), run.name).savefig(run / "curves.png")


def write_samples(run: Path, trainer: Trainer) -> None:
    """What the last evaluation said of some dev photos, the same ones after each epoch."""
    folder, epoch, dev = run / "samples", trainer.progress.epoch, trainer.dev
    photos = np.unique(np.linspace(0, len(dev.captions) - 1, SAMPLES, dtype=int))
    folder.mkdir(exist_ok=True)
    lines = [f"# After epoch {epoch}"]
    for photo in photos:
        said, written = (
            sentence(words, trainer.recipe.language)
            for words in (trainer.candidates[photo], next(filter(None, dev.captions[photo])))
        )
        lines += ["", f"## {dev.names[photo]}", "", f"- said: {said}", f"- a person: {written}"]
    (folder / f"epoch-{epoch:02}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """The file is never half written: training.train.evaluate_run may be reading it."""
    half = path.with_name(f"{path.name}.half")
    half.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(half, path)
