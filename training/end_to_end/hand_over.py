"""Hands decoders that were trained here, over one tail, to training.end_to_end.score.

    python -m training.end_to_end.hand_over --runs runs/again/en runs/again/zh \\
        --recipes soft_attention_scored_en soft_attention_scored_zh \\
        --weights efficientnet_lite3.tflite --out runs/scored

writes encoder.npz, the pretrained encoder with the tail of the first run, and RECIPE.npz of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.decoders import Decoder
from training.decoders.front import Tail
from training.encoders import read_weights
from training.encoders.weights import write_weights
from training.end_to_end.model import save_decoder, with_tail
from training.train.runs import load_run


def hand_over(runs: Sequence[Path], recipes: Sequence[str], weights: Path, out: Path) -> None:
    """
    Args:
        recipes: what each run's decoder is to be trained on as.

    Raises:
        FileNotFoundError: there is no such run, or there are no such weights.
        ValueError: the runs have different tails or none, or there is not a recipe for each.
    """
    if len(runs) != len(recipes):
        raise ValueError(f"there are {len(runs)} runs, but {len(recipes)} recipes")
    trained = [load_run(run) for run in runs]
    tails = [_tail(run, one.decoder) for run, one in zip(runs, trained, strict=True)]
    for run, tail in zip(runs, tails, strict=True):
        if not all(map(np.array_equal, tail, tails[0])):
            raise ValueError(f"{run} and {runs[0]} have different tails")
    out.mkdir(parents=True, exist_ok=True)
    write_weights(out / "encoder.npz", with_tail(read_weights(weights), tails[0]))
    for recipe, one in zip(recipes, trained, strict=True):
        save_decoder(out / f"{recipe}.npz", one.decoder, {})


def _tail(run: Path, decoder: Decoder) -> list[np.ndarray]:
    if not isinstance(decoder.front, Tail):
        raise ValueError(f"{run} has not learned from a map that the encoder's tail sees")
    return decoder.front.get_weights()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    try:
        hand_over(**vars(parser.parse_args()))
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
