"""Writes what several checkpoints say of the same dev photos as a page.

The photos are spread evenly over the split. They are named, not shown: Flickr8k may not be passed
on.
"""

from __future__ import annotations

from pathlib import Path

from app.captioning.captioner import Captioner
from training.data.datasets import open_split
from training.data.photos import upright
from training.data.tfrecord import Example

HEADINGS = {"en": "English", "zh": "Chinese"}


def compare(models: list[Path], dataset: Path, photos: int) -> str:
    """A Markdown page: for each language that people and all models speak a table of what they say.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        DatasetError: the dataset is not there.
    """
    captioners = [Captioner.load(model) for model in models]
    split = list(open_split(dataset, "dev"))
    chosen = split[:: max(1, len(split) // photos)][:photos]
    parts = ["# What the models say of the same dev photos\n"]
    for language, heading in HEADINGS.items():
        if not all(language in one.languages for one in captioners):
            continue
        names = ["photo", "a person", *(captioner.name for captioner in captioners)]
        parts.append(f"\n## {heading}\n\n| {' | '.join(names)} |\n{'| --- ' * len(names)}|\n")
        for example in (one for one in chosen if one.captions.get(language)):
            cells = [example.file_name, example.captions[language][0].strip()]
            cells += [_caption(captioner, example, language) for captioner in captioners]
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def _caption(captioner: Captioner, example: Example, language: str) -> str:
    return captioner.caption(upright(example.photo), language)[0].text
