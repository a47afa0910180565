"""Averages the weights of runs that went on from each other, into a run folder of its own.

    python -m training.train.average --runs runs/en_before runs/en --features runs/features \\
        --dataset data/mixed --out runs/en_average

Weights on the same path, averaged, lie in a flatter place than either end and generalise better
(Izmailov et al. 2018; Wortsman et al. 2022, for the two ends of a fine-tuning).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from training.data.loading import load_corpus
from training.train.runs import (
    TrainedDecoder,
    begin_run,
    end_run,
    keep,
    kept_epoch,
    load_run,
    read_config,
)
from training.train.trainer import measure


def average(
    runs: list[Path], features: Path, dataset: Path, out: Path, tail: Path | None = None
) -> dict[str, float]:
    """Writes the averaged decoder as a run folder, and returns its scores on dev.

    Args:
        tail: a run whose encoder's tail takes the place of the averaged one. Where it is itself the
            mean of the tail that the runs learned from and what became of it, they gain by it.

    Raises:
        FileNotFoundError: a run, the features or the dataset is not there.
        ValueError: the runs are not of the same decoder and words.
    """
    trained = [load_run(run) for run in runs]
    first = trained[0]
    for run, other in zip(runs, trained, strict=True):
        if _kind(other) != _kind(first):
            raise ValueError(f"{run} has another decoder or other words than {runs[0]}")
    weights = [one.decoder.get_weights() for one in trained]
    first.decoder.set_weights([np.mean(layer, axis=0) for layer in zip(*weights, strict=True)])
    if tail:
        first.decoder.front.set_weights(load_run(tail).decoder.front.get_weights())
    dev = load_corpus(dataset, features, "dev", first.recipe.language)
    scores, _ = measure(first.decoder, dev, first.vocabulary, first.recipe)
    config = read_config(runs[0]) | {"average_of": [run.name for run in runs]}
    begin_run(out, config, first.vocabulary)
    keep(out, first.decoder, max(kept_epoch(run) or 0 for run in runs), scores)
    end_run(out, f"the mean of {len(runs)} runs")
    return scores


def _kind(trained: TrainedDecoder) -> tuple[object, ...]:
    shapes = [variable.shape for variable in trained.decoder.weights]
    return trained.recipe.decoder, shapes, trained.vocabulary.words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tail", type=Path, help="a run whose tail of the encoder to take instead")
    given = parser.parse_args()
    try:
        scores = average(**vars(given))
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    print(json.dumps(scores, indent=2))


if __name__ == "__main__":
    main()
