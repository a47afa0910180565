"""Trains a caption decoder on cached features: an epoch, an evaluation, and so on.

    python -m training.train.train --recipe show_and_tell_en --dataset data/mixed \\
        --features runs/features --run runs/en

The best epoch by dev CIDEr is kept. A killed training goes on with the same command, at the epoch
it was in. training/train/runs.py says what the run folder holds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from app.captioning.vocabulary import Vocabulary
from training.data import DatasetError
from training.data.command import positive
from training.data.corpus import Corpus
from training.data.loading import load_corpus
from training.data.word2vec import load_word2vec
from training.recipes import Recipe, load_recipe
from training.train.distributed import choose_strategy, is_chief
from training.train.runs import (
    begin_run,
    check_run,
    end_run,
    features_facts,
    keep_best,
    load_run,
    log,
    read_config,
    run_config,
    write_curves,
    write_samples,
)
from training.train.trainer import Trainer


def train(
    recipe: Recipe,
    dataset: Path,
    features: Path,
    run: Path,
    word2vec: Path | None = None,
    tail: Path | None = None,
    patience: int | None = None,
) -> None:
    """Trains a recipe from where the run folder is up to the last epoch.

    Args:
        dataset: a TFRecord dataset with the vocabulary of the recipe's language.
        features: the folder of training.data.features for that dataset.
        run: a new folder, or that of a training of the same recipe that was killed.
        word2vec: vectors of training.data.word2vec that the word embedding starts from.
        tail: a run whose encoder's tail is taken over as it was trained there.
        patience: epochs without a better dev CIDEr after which the training ends early.

    Raises:
        DatasetError: the dataset cannot be read.
        FileNotFoundError: one of the inputs is not there.
        ValueError: they do not belong together.
    """
    run_epochs(prepare(recipe, dataset, features, run, word2vec, tail), run, patience)


def prepare(
    recipe: Recipe,
    dataset: Path,
    features: Path,
    run: Path,
    word2vec: Path | None = None,
    tail: Path | None = None,
) -> Trainer:
    """A trainer that stands where the run folder does. Raises as train() does, and changes nothing
    in the folder then. Only the chief uses the folder."""
    strategy = choose_strategy(recipe)
    words = Vocabulary.load(dataset / f"vocabulary_{recipe.language}.txt")
    vocabulary = recipe.vocabulary(words)
    embeddings = load_embeddings(word2vec, recipe, words) if word2vec else None
    translated = bool(recipe.translated_style)
    corpus = load_corpus(dataset, features, "train", recipe.language, translated)
    dev = load_corpus(dataset, features, "dev", recipe.language)
    if tail:
        corpus = with_tail(corpus, tail, features)
    config = run_config(recipe, dataset, features, corpus, word2vec, tail)
    if is_chief(strategy):
        check_run(run, config)
    trainer = Trainer(recipe, vocabulary, corpus, dev, embeddings, strategy)
    if is_chief(strategy):
        begin_run(run, config, vocabulary)
        if (run / "state.npz").exists():
            trainer.restore(run / "state.npz")
            print(f"going on after epoch {trainer.progress.epoch}")
    trainer.follow_chief()
    return trainer


def with_tail(corpus: Corpus, run: Path, features: Path) -> Corpus:
    """The corpus with the tail that another run trained, on the same features.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: it learned from other features, or has no tail.
    """
    if not corpus.features.tail:
        raise ValueError(f"{features} has no tail: compute it with --kind map")
    if read_config(run)["features"] != features_facts(features):
        raise ValueError(f"{run} learned from other features than {features} holds")
    trained = load_run(run).decoder.front.get_weights()
    return replace(corpus, features=replace(corpus.features, tail=trained))


def load_embeddings(path: Path, recipe: Recipe, words: Vocabulary) -> np.ndarray:
    """Vectors of a dataset's words, and random ones of the recipe's styles, in no caption yet.

    Returns:
        float32 (recipe's vocabulary, recipe.embedding).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds vectors of other words or of another size.
    """
    vectors = load_word2vec(path, words)
    if vectors.shape[1] != recipe.embedding:
        raise ValueError(
            f"{path} holds vectors of {vectors.shape[1]} numbers, but the recipe's embedding has "
            f"{recipe.embedding}"
        )
    styles = len(recipe.vocabulary(words)) - len(words)
    random = np.random.default_rng(recipe.seed).normal(0, vectors.std(), (styles, recipe.embedding))
    return np.concatenate([vectors, random.astype(np.float32)])


def run_epochs(trainer: Trainer, run: Path, patience: int | None) -> None:
    """Trains and evaluates, an epoch each, until there is a reason to end."""
    if not is_chief(trainer.strategy):
        return help_chief(trainer, patience)
    writer = tf.summary.create_file_writer(str(run / "tensorboard"))
    while not (reason := reason_to_end(trainer, patience)):
        figures = {f"train/{name}": value for name, value in trainer.run_epoch().items()}
        figures |= {f"dev/{name}": value for name, value in trainer.evaluate().items()}
        keep_best(trainer, figures, run)
        trainer.save(run / "state.npz")
        log(run, writer, trainer.progress.epoch, figures)
        write_curves(run)
        write_samples(run, trainer)
        trainer.share_progress()
    end_run(run, reason)
    print(f"the training is over: {reason}")


def help_chief(trainer: Trainer, patience: int | None) -> None:
    """Trains the same epochs on another machine; the chief evaluates and keeps them."""
    print("the chief of TF_CONFIG keeps the run folder and shows how the training goes")
    while not reason_to_end(trainer, patience):
        trainer.run_epoch()
        trainer.share_progress()


def reason_to_end(trainer: Trainer, patience: int | None) -> str | None:
    # All of it stands in state.npz, so a resumed training ends where an uninterrupted one does.
    progress, epochs = trainer.progress, trainer.recipe.all_epochs
    if progress.epoch >= epochs:
        return f"all {epochs} epochs are done"
    if patience and progress.epoch - progress.best_epoch >= patience:
        return f"no better dev CIDEr since epoch {progress.best_epoch}"
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument(
        "--word2vec", type=Path, help="word vectors of training.data.word2vec to start from"
    )
    parser.add_argument(
        "--tail", type=Path, help="a run whose tail of the encoder, trained there, to start from"
    )
    parser.add_argument(
        "--patience",
        type=positive,
        help="end after so many epochs without a better dev CIDEr (default: after the recipe's)",
    )
    given = parser.parse_args(arguments)
    try:
        recipe = load_recipe(given.recipe)
        trainer = prepare(
            recipe, given.dataset, given.features, given.run, given.word2vec, given.tail
        )
    except (DatasetError, OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    run_epochs(trainer, given.run, given.patience)


if __name__ == "__main__":
    main()
