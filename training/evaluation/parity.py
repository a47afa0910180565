"""Compares the two engines on a whole split: LiteRT, and TensorFlow with float activations.

    python -m training.evaluation.parity --model model_assets/kantu-1 \\
        --dataset DIR --split dev --language en
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.captioning.captioner import Captioner
from app.captioning.engines import ENGINES
from training.evaluation.evaluate import caption_split, score_captions, split_arguments


def parity(model: Path, dataset: Path, split: str, language: str) -> dict[str, Any]:
    """Each engine's scores in percent, and the share of photos that get the same caption."""
    said: dict[str, list[str]] = {}
    scores: dict[str, dict[str, float]] = {}
    for engine in ENGINES:
        captioner = Captioner.load(model, engine)
        _, said[engine], references = caption_split(captioner, dataset, split, language)
        scores[engine] = score_captions(said[engine], references, language)
    pairs = list(zip(*said.values(), strict=True))
    return {
        "split": split,
        "language": language,
        "photos": len(pairs),
        **scores,
        "identical_captions": 100 * sum(first == second for first, second in pairs) / len(pairs),
    }


def main() -> None:
    parser = split_arguments(__doc__.splitlines()[0])
    print(json.dumps(parity(**vars(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
