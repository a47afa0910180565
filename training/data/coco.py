"""COCO captions (Chen et al. 2015) and collections in their layout.

That of 2014 is

    train2014/*.jpg  val2014/*.jpg            the photos
    annotations/captions_train2014.json       {"info": {"description": "COCO 2014 Dataset"},
    annotations/captions_val2014.json          "images": [{"id": 1, "file_name": "1.jpg"}, …],
                                               "annotations": [{"image_id": 1,
                                                                "caption": "A dog."}, …]}
    dataset_coco.json                         Karpathy's split (optional), then read in place of
                                              annotations/; see `training.data.karpathy`

that of 2017 likewise but without Karpathy's split, and that of smaller collections

    images/*.jpg
    annotations/captions.json
    annotations/captions_zh.json              Chinese captions (optional), in the same JSON
    splits.json                               {"train": ["1.jpg", …], "dev": […], "test": […]}
                                              (optional)

The photos of val2014 and val2017 are "dev". Of a smaller collection without splits.json every photo
is for training. Photos may be absent or damaged and captions empty: what can be used is used, and
the rest is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data import karpathy
from training.data.downloads import SPLITS, Listing, Report, Splits, photo_folders, usable_photos
from training.data.json_files import read_json
from training.data.tfrecord import DatasetError

KARPATHYS_FILE = "dataset_coco.json"
SPLITS_FILE = "splits.json"


@dataclass(frozen=True)
class _Part:
    """A folder of photos, and the files of their captions."""

    split: str
    images: str
    captions: dict[str, str]
    """By language. English is always there."""


def _year(year: int) -> tuple[_Part, ...]:
    return (
        _Part("train", f"train{year}", {"en": f"annotations/captions_train{year}.json"}),
        _Part("dev", f"val{year}", {"en": f"annotations/captions_val{year}.json"}),
    )


_KARPATHYS = _year(2014)
_SMALLER = _Part(
    "train", "images", {"en": "annotations/captions.json", "zh": "annotations/captions_zh.json"}
)
_LAYOUTS = (_KARPATHYS, _year(2017), (_SMALLER,))
PHOTO_FOLDERS = tuple(part.images for layout in _LAYOUTS for part in layout)
_KEYS = frozenset(
    {"info", "description", "images", "id", "file_name", "annotations", "image_id", "caption"}
)


@dataclass(frozen=True)
class _Annotations:
    description: str
    """What the file says of itself, or ""."""
    images: list[tuple[int, str]]
    """Id and file name of each photo."""
    captions: list[tuple[int, str]]
    """Id of the photo, and caption."""


def read(root: Path) -> tuple[Splits, Report]:
    """Reads an original download, of which a folder of photos is there.

    Returns:
        The usable photos of each split that has any, and a report. They are in the order of
        Karpathy's file or of splits.json, or else of their names. The dataset is called like the
        folder.

    Raises:
        DatasetError: when there is no photo or no caption to use, or a file is absent or in another
            layout.
    """
    report = Report(root.resolve().name)
    karpathys, splits = root / KARPATHYS_FILE, root / SPLITS_FILE
    if karpathys.is_file():
        parts: Sequence[_Part] = _KARPATHYS
        listing = karpathy.read(karpathys, report)
    else:
        parts = _parts(root)
        listing = _read_annotations(root, parts, report)
        if splits.is_file():
            listing = _read_splits(splits, listing)
    if not listing.captions:
        raise DatasetError(f"{root} has no captions.\n{report}")
    return usable_photos(_folders(root, parts), listing.captions, listing.lists, report), report


def _parts(root: Path) -> Sequence[_Part]:
    """Those of the one layout that root has."""
    found = [layout for layout in _LAYOUTS if photo_folders(root, [one.images for one in layout])]
    if len(found) > 1:
        names = [" and ".join(part.images for part in layout) for layout in found]
        raise DatasetError(
            f"{root} holds several downloads: {'; '.join(names)}. "
            "Give each a folder of its own; links do."
        )
    return found[0]


def _folders(root: Path, parts: Sequence[_Part]) -> list[Path]:
    folders = [root / part.images for part in parts]
    for folder in folders:
        if not folder.is_dir():
            raise DatasetError(f"{folder} is not a folder: unpack the photos there.")
    return folders


def _read_annotations(root: Path, parts: Sequence[_Part], report: Report) -> Listing:
    """The photos and captions of all parts, the photos in the order of their names."""
    listing = Listing(report)
    for part in parts:
        if not (root / part.captions["en"]).is_file():
            raise DatasetError(
                f"{root} has no {part.captions['en']}, the captions of {part.images}: "
                "unpack them there."
            )
        for language, file_name in part.captions.items():
            if (root / file_name).is_file():
                _read_captions(root / file_name, language, part.split, listing)
    for names in listing.lists.values():
        names.sort()
    return listing


def _read_captions(path: Path, language: str, split: str, listing: Listing) -> None:
    """Adds the photos and captions of a file."""
    annotations = read_json(path, "COCO captions", _KEYS, _annotations)
    if annotations.description:
        listing.report.descriptions[language] = annotations.description
    names = _add_photos(annotations.images, split, listing)
    for number, caption in annotations.captions:
        if number in names:
            listing.add_caption(language, names[number], caption, path.name)
        else:
            listing.report.add("captions_without_photo", f"{path.name}: image_id {number}")


def _add_photos(images: Sequence[tuple[int, str]], split: str, listing: Listing) -> dict[int, str]:
    """File names by id. Of an id or a name that comes twice in a file, or of a name in two splits,
    only the first place counts."""
    names: dict[int, str] = {}
    earlier = set(listing.lists[split])  # The file of another language has these already.
    for number, name in images:
        if number in names:
            listing.report.add("repeated_names", f"{name} ({split})")
        elif name in earlier or listing.add_photo(split, name):
            earlier.discard(name)
            names[number] = name
    return names


def _annotations(written: Any) -> _Annotations:
    return _Annotations(
        str(written.get("info", {}).get("description") or ""),
        [(int(image["id"]), str(image["file_name"])) for image in written["images"]],
        [(int(one["image_id"]), one["caption"].strip()) for one in written["annotations"]],
    )


def _read_splits(path: Path, described: Listing) -> Listing:
    """The same captions, of photos in the splits that the file names."""
    listing = Listing(described.report, captions=described.captions)
    for split, names in read_json(path, "splits", None, _lists).items():
        if split not in SPLITS:
            raise DatasetError(
                f"{path} has a split {split!r}; there are only {', '.join(SPLITS)}. Rename it."
            )
        for name in names:
            listing.add_photo(split, name)
    return listing


def _lists(written: Any) -> dict[str, list[str]]:
    return {split: [str(name) for name in names] for split, names in written.items()}
