"""Scores Baby Talk, the templates over what was detected, as a baseline that nobody trained.

    python -m training.evaluation.baby_talk_score --model model_assets/neural-baby-talk-1 \\
        --dataset data/flickr8k --split dev --language en

Of the checkpoint only the detector counts. Prints the scores as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.captioning.baby_talk import baby_talk
from app.captioning.captioner import Captioner
from training.evaluation.evaluate import captioned_photos, score_captions, split_arguments


def measure(captioner: Captioner, dataset: Path, split: str, language: str) -> dict[str, Any]:
    """BLEU-1..4, ROUGE-L and CIDEr in percent. Where nothing was detected, nothing is said.

    Raises:
        DatasetError: the dataset or the split is not there.
        ValueError: the checkpoint detects nothing, or the split has no captions in the language.
    """
    if not captioner.objects:
        raise ValueError(f"{captioner.name} has no detector")
    said, references = [], []
    for example, photo in captioned_photos(dataset, split, language):
        regions = captioner.encode(photo).regions
        said.append(baby_talk(regions, photo, [language])[language])
        references.append(example.captions[language])
    if not references:
        raise ValueError(f"{dataset} has no {language!r} captions in {split}")
    texts = [one.text if one else "" for one in said]
    return {
        "split": split,
        "language": language,
        "photos": len(said),
        "said": sum(one is not None for one in said),
        **score_captions(texts, references, language),
    }


def main() -> None:
    parser = split_arguments(__doc__.splitlines()[0])
    given = parser.parse_args()
    captioner = Captioner.load(given.model)
    print(json.dumps(measure(captioner, given.dataset, given.split, given.language), indent=2))


if __name__ == "__main__":
    main()
