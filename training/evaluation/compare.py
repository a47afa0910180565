"""Writes what several checkpoints say of the same dev photos as a page.

    python -m training.evaluation.compare --models OLD model_assets/kantu-1 \\
        --dataset data/flickr8k --photos 50 --out docs/fifty-photos.md

The photos are spread evenly over the split. They are named, not shown: Flickr8k may not be passed
on.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from app.captioning.captioner import Captioner
from training.data import open_split
from training.data.photos import upright
from training.data.tfrecord import Example

HEADINGS = {"en": "English", "zh": "Chinese"}


def compare(models: list[Path], dataset: Path, photos: int) -> str:
    """A Markdown page: for each language a table of what people and each model say.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        DatasetError: the dataset is not there.
    """
    captioners = [Captioner.load(model) for model in models]
    split = list(open_split(dataset, "dev"))
    chosen = list(islice(split, 0, None, max(1, len(split) // photos)))[:photos]
    parts = ["# What the models say of the same dev photos\n"]
    for language, heading in HEADINGS.items():
        names = ["photo", "a person", *(captioner.name for captioner in captioners)]
        parts.append(f"\n## {heading}\n\n| {' | '.join(names)} |\n{'| --- ' * len(names)}|\n")
        for example in chosen:
            cells = [example.file_name, example.captions[language][0].strip()]
            cells += [_caption(captioner, example, language) for captioner in captioners]
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def _caption(captioner: Captioner, example: Example, language: str) -> str:
    return captioner.caption(upright(example.photo), language)[0].text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.write_text(compare(given.models, given.dataset, given.photos), encoding="utf-8")


if __name__ == "__main__":
    main()
