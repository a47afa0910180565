"""Compares the two engines on a whole split: LiteRT, and TensorFlow with float activations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.captioning.captioner import Captioner
from app.captioning.engines import ENGINES
from training.evaluation.evaluate import caption_split, score_captions


def parity(model: Path, dataset: Path, split: str, language: str) -> dict[str, Any]:
    """Each engine's scores in percent, and the share of photos that get the same caption.
    Raises as evaluate() does."""
    captions: dict[str, list[str]] = {}
    scores: dict[str, dict[str, float]] = {}
    for engine in ENGINES:
        captioner = Captioner.load(model, engine)
        _, captions[engine], references = caption_split(captioner, dataset, split, language)
        scores[engine] = score_captions(captions[engine], references, language)
    pairs = list(zip(*captions.values(), strict=True))
    return {
        "split": split,
        "language": language,
        "photos": len(pairs),
        **scores,
        "identical_captions": 100 * sum(first == second for first, second in pairs) / len(pairs),
    }
