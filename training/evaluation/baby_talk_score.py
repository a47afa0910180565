"""Scores Baby Talk, the templates over what was detected, as a baseline that nobody trained.

Of the checkpoint only the detector counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.captioning.baby_talk import baby_talk
from app.captioning.captioner import Captioner
from training.evaluation.evaluate import captioned_photos, score_captions


def measure(model: Path, dataset: Path, split: str, language: str) -> dict[str, Any]:
    """BLEU-1..4, ROUGE-L and CIDEr in percent. Where nothing was detected, nothing is said.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DatasetError: the dataset or the split is not there.
        ValueError: the checkpoint detects nothing, or the split has no captions in the language.
    """
    captioner = Captioner.load(model, pointing=True)
    if not captioner.objects:
        raise ValueError(f"{captioner.name} has no detector")
    said, references = [], []
    for example, photo in captioned_photos(dataset, split, language):
        regions = captioner.encode(photo).regions
        said.append(baby_talk(regions, photo, [language])[language])
        references.append(example.captions[language])
    texts = [one.text if one else "" for one in said]
    return {
        "split": split,
        "language": language,
        "photos": len(said),
        "said": sum(one is not None for one in said),
        **score_captions(texts, references, language),
    }
