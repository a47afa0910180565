"""What a checkpoint's probabilities are worth: from which on it may say that it is sure.

A caption comes close to those by people where its CIDEr-D is 30 or more. What is measured is the
`confidence` of a language for the checkpoint's manifest, chosen by every other photo, and how many
captions of the rest come close at each of its levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np

from app.captioning.confidence import Confidence, Level, mean_probability
from training.data.tokenization import words
from training.evaluation.evaluate import describe_split, load_captioner, usual_style
from training.evaluation.metrics import Cider

CLOSE = 30
"""CIDEr-D in percent."""

SURE, UNSURE = 0.75, 0.55
"""The chance of a caption at the threshold to come close. Those above it come close more often: of
sure captions more than 8 in 10, of unsure ones about 6 in 10, of guesses fewer."""

NEWTON_STEPS = 30
RIDGE = 0.01
"""Keeps the curve finite where all captions come close, or none does."""


def measure(model: Path, datasets: Sequence[Path], split: str, language: str) -> dict[str, Any]:
    """Of captions of all datasets together, each in the style that most of its captions have.

    Raises as evaluate() does.
    """
    measured = [_caption(model, dataset, split, language) for dataset in datasets]
    means, close = (np.concatenate(parts) for parts in zip(*measured, strict=True))
    confidence = choose(means[::2], close[::2])
    return {
        "confidence": asdict(confidence),
        "of the others": shares(means[1::2], close[1::2], confidence),
    }


def _caption(
    model: Path, dataset: Path, split: str, language: str
) -> tuple[np.ndarray, np.ndarray]:
    """The mean probability of the caption of each photo, and whether it comes close."""
    captioner = load_captioner(model, "auto", language, usual_style(model, dataset, language))
    captions, references = [], []
    for example, caption in describe_split(captioner, dataset, split, language):
        captions.append(caption)
        references.append([words(one, language) for one in example.captions[language]])
    means = [mean_probability(one.text, language, one.log_probability) for one in captions]
    candidates = [words(caption.text, language) for caption in captions]
    return np.array(means), 100 * Cider(references).scores(candidates) >= CLOSE


def choose(means: np.ndarray, close: np.ndarray) -> Confidence:
    """The thresholds at which a logistic curve through these captions has the chances above; no
    caption is sure or unsure where surer captions are not better.

    Args:
        means: mean probabilities, float (captions,)
        close: whether each comes close, bool (captions,)
    """
    inputs = np.stack([np.ones_like(means), means], axis=1)
    curve = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        chances = 1 / (1 + np.exp(-inputs @ curve))
        gradient = inputs.T @ (close - chances) - RIDGE * curve
        hessian = (inputs.T * (chances * (1 - chances))) @ inputs + RIDGE * np.eye(2)
        curve += np.linalg.solve(hessian, gradient)
    offset, slope = curve
    if slope <= 0:
        return Confidence(1.0, 1.0)
    at = (np.log([chance / (1 - chance) for chance in (SURE, UNSURE)]) - offset) / slope
    sure, unsure = np.clip(at, 0, 1).round(2).tolist()
    return Confidence(sure, unsure)


def shares(
    means: np.ndarray, close: np.ndarray, confidence: Confidence
) -> dict[Level, dict[str, float]]:
    """By level, how many captions there are and how many of them, in percent, come close."""
    levels = np.array([confidence.level(mean) for mean in means])
    return {level: _share(close[levels == level]) for level in get_args(Level)}


def _share(close: np.ndarray) -> dict[str, float]:
    share = round(100 * float(np.mean(close)), 1) if len(close) else 0.0
    return {"captions": len(close), "close": share}
