"""What it is worth when a checkpoint is sure: how many of its captions come close to people's.

    python -m training.evaluation.sureness --model model_assets/kantu-1 --dataset data/flickr8k \\
        --split dev --language en

A caption comes close where its CIDEr-D is 30 or more. Prints, as JSON, the mean probability from
which each share of the captions on every other photo comes close, and what becomes of the steps in
app/captioning/sureness.py on the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.captioning.captioner import Captioner
from app.captioning.sureness import Steps, mean_probability, steps
from training.data.tokenization import words
from training.evaluation.evaluate import describe_split, split_arguments
from training.evaluation.metrics import Cider

CLOSE = 30
"""CIDEr-D in percent."""

WINDOW = 100
"""Captions that are about as sure, of which a share comes close."""


def measure(model: Path, dataset: Path, split: str, language: str) -> dict[str, Any]:
    """Raises as evaluate() does."""
    captioner = Captioner.load(model)
    captions, references = [], []
    for example, caption in describe_split(captioner, dataset, split, language):
        captions.append(caption)
        references.append([words(one, language) for one in example.captions[language]])
    means = np.array([mean_probability(caption, language) for caption in captions])
    said = [words(caption.text, language) for caption in captions]
    close = 100 * Cider(references).scores(said) >= CLOSE
    return {
        "to choose by": list(curve(means[::2], close[::2])),
        "of the others": shares(means[1::2], close[1::2], steps(language, bool(captioner.objects))),
    }


def curve(means: np.ndarray, close: np.ndarray) -> Iterator[dict[str, float]]:
    """The share, in percent, of captions that come close, from the surest window on.

    Args:
        means: float (captions,)
        close: bool (captions,)
    """
    order = np.argsort(-means)
    for first in range(0, len(order), WINDOW // 2):
        window = order[first : first + WINDOW]
        share = 100 * close[window].mean()
        yield {"from": round(float(means[window].min()), 3), "close": round(float(share), 1)}


def shares(means: np.ndarray, close: np.ndarray, steps: Steps) -> dict[str, dict[str, float]]:
    """By step, how many captions there are and how many of them, in percent, come close."""
    names = np.array([steps.name(mean) for mean in means])
    return {name: _share(close[names == name]) for name in ("sure", "unsure", "guess")}


def _share(close: Sequence[bool] | np.ndarray) -> dict[str, float]:
    share = round(100 * float(np.mean(close)), 1) if len(close) else 0.0
    return {"captions": len(close), "close": share}


def main() -> None:
    given = split_arguments(__doc__.splitlines()[0]).parse_args()
    print(json.dumps(measure(**vars(given)), indent=2))


if __name__ == "__main__":
    main()
