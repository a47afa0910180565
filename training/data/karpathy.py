"""Karpathy's splits (Karpathy & Fei-Fei 2015) of Flickr8k, Flickr30k and COCO, with the captions.

A file such as `dataset_flickr30k.json` is

    {"images": [{"filename": "1.jpg", "split": "train", "sentences": [{"raw": "A dog."}, …]}, …]}

and is one of those in `caption_datasets.zip`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from training.data.downloads import Listing, Report
from training.data.json_files import read_json
from training.data.tfrecord import DatasetError

SOURCE = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
_SPLITS = {"train": "train", "restval": "train", "val": "dev", "test": "test"}
"""What each of his splits is here. "restval" are the photos of COCO's val2014 that are in neither
"val" nor "test"; results on his "test" are of models that trained on them too."""

_KEYS = frozenset({"images", "filename", "split", "sentences", "raw"})


class _Image(NamedTuple):
    name: str
    split: str
    captions: list[str]


def read(path: Path, report: Report) -> Listing:
    """Reads a split file.

    Returns:
        Its photos by split, in its order, with their captions.

    Raises:
        DatasetError: when there is no such file, it is in another layout, or it has a split that
            is none of `_SPLITS`.
    """
    if not path.is_file():
        raise DatasetError(
            f"{path.parent} has no {path.name}, which says what each photo is for: "
            f"take it from {SOURCE}."
        )
    listing = Listing(report)
    for image in read_json(path, "Karpathy's splits", _KEYS, _images):
        if image.split not in _SPLITS:
            raise DatasetError(
                f"{path} has {image.name} in the split {image.split!r}, "
                f"which is none of {', '.join(_SPLITS)}: take the file from {SOURCE}."
            )
        if listing.add_photo(_SPLITS[image.split], image.name):
            for caption in image.captions:
                listing.add_caption("en", image.name, caption, path.name)
    return listing


def _images(written: Any) -> list[_Image]:
    return [
        _Image(
            str(image["filename"]),
            str(image["split"]),
            [sentence["raw"].strip() for sentence in image["sentences"]],
        )
        for image in written["images"]
    ]
