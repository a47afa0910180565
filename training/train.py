"""Trains a caption decoder on cached features: an epoch, an evaluation, and so on.

    python -m training.train --recipe show_and_tell_en --dataset data/mixed \\
        --features runs/features --run runs/en

The best epoch by dev CIDEr is kept. A killed training goes on with the same command, at the epoch
it was in. The run folder holds config.json, log.jsonl, TensorBoard's events, state.npz (to go on
from) and best.npz.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow as tf

from app.captioning.vocabulary import Vocabulary
from training.corpus import load_corpus
from training.recipes import Recipe, load_recipe
from training.runs import keep_best, log, prepare_run
from training.trainer import Trainer


def train(recipe: Recipe, dataset: Path, features: Path, run: Path) -> None:
    """Trains a recipe from where the run folder is up to the last epoch.

    Args:
        dataset: a TFRecord dataset with the vocabulary of the recipe's language.
        features: the folder of training.features for that dataset.
        run: a new folder, or that of a training of the same recipe that was killed.

    Raises:
        ValueError: the three do not belong together.
    """
    vocabulary = Vocabulary.load(dataset / f"vocabulary_{recipe.language}.txt")
    corpus = load_corpus(dataset, features, "train", recipe.language)
    dev = load_corpus(dataset, features, "dev", recipe.language)
    trainer = Trainer(recipe, vocabulary, corpus, dev)
    prepare_run(run, recipe, vocabulary, corpus)
    state = run / "state.npz"
    if state.exists():
        trainer.restore(state)
        print(f"going on after epoch {trainer.progress.epoch}")
    writer = tf.summary.create_file_writer(str(run / "tensorboard"))
    while trainer.progress.epoch < recipe.all_epochs:
        figures = {f"train/{name}": value for name, value in trainer.run_epoch().items()}
        figures |= {f"dev/{name}": value for name, value in trainer.evaluate().items()}
        keep_best(trainer, figures, run)
        trainer.save(state)
        log(run, writer, trainer.progress.epoch, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=load_recipe, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
