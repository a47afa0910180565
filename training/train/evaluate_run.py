"""Scores the decoder that a run keeps on dev photos, once or each time that it keeps another.

    python -m training.train.evaluate_run --run runs/en --dataset data/mixed \\
        --features runs/features --follow 60

Prints one JSON object a line. With --follow it looks every so many seconds until the training is
over; the training may run beside it, in another process.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from training.data import DatasetError
from training.data.command import positive
from training.data.corpus import Corpus
from training.data.loading import load_corpus
from training.train.runs import (
    TrainedDecoder,
    features_facts,
    kept_epoch,
    load_run,
    read_config,
    why_ended,
)
from training.train.trainer import measure


def load_dev(run: Path, dataset: Path, features: Path) -> Corpus:
    """Dev photos for a run's decoder.

    Raises:
        DatasetError: the dataset cannot be read.
        FileNotFoundError: one of the inputs is not there.
        ValueError: they do not belong together.
    """
    config = read_config(run)
    if features_facts(features) != config.get("features"):
        raise ValueError(f"{run} was trained on features of another encoder than {features} has")
    return load_corpus(dataset, features, "dev", config["recipe"]["language"])


def evaluate_run(run: Path, dev: Corpus) -> dict[str, Any]:
    """Epoch, perplexity, BLEU, ROUGE-L and CIDEr of the decoder that a run keeps.

    Raises:
        FileNotFoundError: no epoch is done.
        ValueError: the run is one of another version of this program.
    """
    epoch, trained = _load(run)
    figures, _ = measure(trained.decoder, dev, trained.vocabulary, trained.recipe)
    return {"epoch": epoch, **figures}


def _load(run: Path) -> tuple[int | None, TrainedDecoder]:
    """The decoder and its epoch, of the same moment although a training may go on."""
    while True:
        epoch, trained = kept_epoch(run), load_run(run)
        if kept_epoch(run) == epoch:
            return epoch, trained


def follow(run: Path, dev: Corpus, seconds: float) -> Iterator[dict[str, Any]]:
    """What evaluate_run() says of each decoder that a run keeps, until the training is over.

    Decoders that were kept only while another was being scored are left out.

    Args:
        seconds: to wait before looking again.
    """
    scored = None
    while True:
        # Asked before looking for weights: what was kept last must be scored too.
        over = why_ended(run)
        if kept_epoch(run) != scored:
            figures = evaluate_run(run, dev)
            scored = figures["epoch"]
            yield figures
        if over:
            return
        time.sleep(seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument(
        "--follow",
        type=positive,
        metavar="SECONDS",
        help="score each decoder that the run keeps until the training is over, looking so often",
    )
    given = parser.parse_args(arguments)
    try:
        dev = load_dev(given.run, given.dataset, given.features)
        if given.follow:
            for figures in follow(given.run, dev, given.follow):
                print(json.dumps(figures), flush=True)
        else:
            print(json.dumps(evaluate_run(given.run, dev)))
    except (DatasetError, OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
