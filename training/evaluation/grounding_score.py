"""Whether a checkpoint's words point at what they name, by the boxes that people drew of persons.

Captions the photos that have boxes, and prints as JSON, shares in percent: how many captions point
at something, at how much, and at what; and of the regions that were pointed at as persons, how many
are one. How many there are of all regions that the detector took for persons is what pointing at
random would give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.captioning.captioner import Captioner
from app.captioning.detector import overlaps
from app.captioning.grounding import Region
from app.captioning.objects import objects
from training.data.datasets import open_split
from training.data.json_files import read_json
from training.data.photos import upright
from training.data.tfrecord import Example

PERSON = "person"
OVERLAP = 0.5
"""Least intersection over union of a region with a person's box that is of that person."""
KEYS = frozenset(
    {"images", "id", "file_name", "width", "height"}
    | {"annotations", "image_id", "category_id", "bbox"}
)

Boxes = dict[str, np.ndarray]
"""Of the persons on a photo, by its file name: float (persons, 4), left, top, right, bottom as
shares of the photo; at least one."""


@dataclass(frozen=True)
class Pointed:
    """What a caption points at."""

    slots: tuple[Region, ...]
    """The region of each visual word, in order; a region may come twice."""
    regions: tuple[Region, ...]
    """All that were detected."""
    persons: np.ndarray
    """The boxes that people drew, as in Boxes."""


def read_boxes(path: Path) -> Boxes:
    """The persons of a file in COCO's JSON, crowds among them.

    Raises:
        DatasetError: it is in another layout.
    """
    return read_json(path, "COCO's boxes", KEYS, _boxes)


def _boxes(content: dict[str, Any]) -> Boxes:
    images = {image["id"]: image for image in content["images"]}
    found: dict[str, list[list[float]]] = {}
    for one in content["annotations"]:
        if one["category_id"] == objects()[PERSON].id:
            image = images[one["image_id"]]
            found.setdefault(image["file_name"], []).append(_shares(one["bbox"], image))
    return {name: np.array(boxes) for name, boxes in found.items()}


def _shares(bbox: Sequence[float], image: dict[str, Any]) -> list[float]:
    """COCO's left, top, width and height in pixels, as edges."""
    left, top, width, height = bbox
    across, down = image["width"], image["height"]
    return [left / across, top / down, (left + width) / across, (top + height) / down]


def point(
    captioner: Captioner, examples: Iterable[Example], boxes: Boxes, language: str
) -> Iterator[Pointed]:
    """What the best caption of each photo points at.

    Args:
        examples: photos that have boxes.
    """
    for example in tqdm(examples, unit="photo", disable=None):
        encoding = captioner.encode(upright(example.photo))
        best = captioner.decode(encoding, language)[0]
        slots = tuple(encoding.regions[slot.region] for slot in best.slots)
        yield Pointed(slots, encoding.regions, boxes[example.file_name])


def summarise(captions: Sequence[Pointed]) -> dict[str, Any]:
    """Counts, and shares in percent; None where they are shares of nothing.

    Args:
        captions: at least one.
    """
    kinds = Counter(region.name for one in captions for region in one.slots)
    return {
        "photos": len(captions),
        "captions_with_slots": sum(bool(one.slots) for one in captions),
        "slots": kinds.total(),
        "slots_per_caption": round(kinds.total() / len(captions), 2),
        "share_of_slots": {
            name: round(100 * count / kinds.total(), 1) for name, count in kinds.most_common()
        },
        "person_slots": _right((region, one) for one in captions for region in one.slots),
        "person_regions": _right((region, one) for one in captions for region in one.regions),
    }


def _right(regions: Iterable[tuple[Region, Pointed]]) -> dict[str, Any]:
    """How many are taken for persons, and how many of these, in percent, are one."""
    right = [
        bool((overlaps(np.array(region.box), one.persons) >= OVERLAP).any())
        for region, one in regions
        if region.name == PERSON
    ]
    return {
        "count": len(right),
        "right": round(100 * sum(right) / len(right), 1) if right else None,
    }


def grounding_score(
    model: Path, dataset: Path, split: str, language: str, boxes: Path, photos: int | None = None
) -> dict[str, Any]:
    """The figures, and what they were measured on.

    Args:
        boxes: a file in COCO's JSON.
        photos: how many of those that have boxes to take, the first; None takes all.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DatasetError: the dataset, the split or the boxes cannot be read.
        ValueError: the checkpoint points at nothing or does not speak the language, or no photo of
            the split has boxes.
    """
    captioner = Captioner.load(model, "litert", pointing=True)
    if not captioner.objects:
        raise ValueError(f"{captioner.name} has no detector, so that its words point at nothing")
    if language not in captioner.languages:
        raise ValueError(f"{captioner.name} does not caption in {language!r}")
    known = read_boxes(boxes)
    boxed = (one for one in open_split(dataset, split) if one.file_name in known)
    captions = list(point(captioner, islice(boxed, photos), known, language))
    if not captions:
        raise ValueError(f"{boxes} has boxes of no photo of the split {split!r} of {dataset}")
    about = {"model": captioner.name, "split": split, "language": language}
    return {**about, **summarise(captions)}
