"""COCO captions (Chen et al. 2015) and downloads in their layout, in English.

    python -m training.data.coco --root DIR --out DIR [--shards N] [--dev-every N]

turns one, unpacked into one folder, into a TFRecord dataset. The layouts are that of 2014,

    train2014/*.jpg  val2014/*.jpg            the photos
    annotations/captions_train2014.json       {"images": [{"id": 1, "file_name": "1.jpg"}, …],
    annotations/captions_val2014.json          "annotations": [{"image_id": 1,
                                                                "caption": "A dog."}, …]}
    dataset_coco.json                         Karpathy's split (optional), then read in place of
                                              annotations/; see `training.data.karpathy`

that of 2017, likewise but without Karpathy's split, and one for smaller collections:

    images/*.jpg
    annotations/captions.json

The photos of val2014 and val2017 are "dev". Where there are none, every photo is for training, but
for those that --dev-every keeps back. Photos may be absent or damaged and captions empty: what can
be used is used, and the rest is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from training.data import karpathy
from training.data.command import dataset_parser, positive, run
from training.data.downloads import (
    Listing,
    Report,
    Splits,
    usable_photos,
    write_download,
)
from training.data.json_files import read_json
from training.data.tfrecord import DatasetError

NAME = "coco"
"""Of a download that does not say its own in "info"."""
KARPATHYS_FILE = "dataset_coco.json"


@dataclass(frozen=True)
class _Part:
    """A folder of photos, and the file of their captions."""

    split: str
    images: str
    captions: str


def _year(year: int) -> tuple[_Part, ...]:
    return (
        _Part("train", f"train{year}", f"annotations/captions_train{year}.json"),
        _Part("dev", f"val{year}", f"annotations/captions_val{year}.json"),
    )


_KARPATHYS = _year(2014)
_LAYOUTS = (_KARPATHYS, _year(2017), (_Part("train", "images", "annotations/captions.json"),))
_KEYS = frozenset(
    {"info", "description", "images", "id", "file_name", "annotations", "image_id", "caption"}
)


@dataclass(frozen=True)
class _Annotations:
    name: str
    images: list[tuple[int, str]]
    """Id and file name of each photo."""
    captions: list[tuple[int, str]]
    """Id of the photo, and caption."""


def read(root: Path, dev_every: int | None = None) -> tuple[Splits, Report]:
    """Reads an original download.

    Args:
        root: its folder.
        dev_every: with N, photos 0, N, 2N… of a download without "dev", in the order of file
            names, are "dev"; with None, none are. Photos that cannot be used count too: an
            incomplete copy is split like a whole one.

    Returns:
        The usable photos of each split that has any, and a report. They are in the order of
        Karpathy's file or else of their names.

    Raises:
        DatasetError: when there is no photo or no caption to use, a file is absent or in another
            layout, or dev_every is given for a download that has a "dev".
        ValueError: when dev_every is less than 1.
    """
    if dev_every is not None and dev_every < 1:
        raise ValueError(f"dev_every is at least 1, not {dev_every}")
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder.")
    report = Report(NAME)
    karpathys = root / KARPATHYS_FILE
    parts = _KARPATHYS if karpathys.is_file() else _parts(root)
    folders = _folders(root, parts)
    if karpathys.is_file():
        listing = karpathy.read(karpathys, report)
    else:
        listing = _read_annotations(root, parts, report)
    if not listing.captions:
        raise DatasetError(f"{root} has no captions.\n{report}")
    if dev_every is not None:
        _keep_back(listing, dev_every, root)
    return usable_photos(folders, {"en": listing.captions}, listing.lists, report), report


def write(root: Path, out: Path, shards: int = 8, dev_every: int | None = None) -> Report:
    """Turns an original download into a TFRecord dataset, the same bytes each time.

    The dataset appears under its name only when it is whole; an older one is replaced then.

    Args:
        root: the folder of the download.
        out: the folder of the dataset.
        shards: files per split.
        dev_every: see `read`.

    Raises:
        DatasetError: when there is nothing to train on, or `out` holds something else.
        ValueError: when shards or dev_every is less than 1.
    """
    return write_download(partial(read, root, dev_every), out, shards)


def _parts(root: Path) -> tuple[_Part, ...]:
    """Those of the one layout that root has."""
    found = [layout for layout in _LAYOUTS if any((root / part.images).is_dir() for part in layout)]
    names = [" and ".join(part.images for part in layout) for layout in found or _LAYOUTS]
    if not found:
        raise DatasetError(
            f"{root} has no folder of photos: neither {', nor '.join(names)}. "
            "Unpack the photos there."
        )
    if len(found) > 1:
        raise DatasetError(
            f"{root} holds several downloads: {'; '.join(names)}. "
            "Give one of them a folder of its own; links do."
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
        path = root / part.captions
        if not path.is_file():
            raise DatasetError(
                f"{root} has no {part.captions}, the captions of {part.images}: unpack them there."
            )
        annotations = read_json(path, "COCO captions", _KEYS, _annotations)
        report.name = annotations.name
        names = _add_photos(listing, part.split, annotations.images)
        for number, caption in annotations.captions:
            if number in names:
                listing.add_caption(names[number], caption, path.name)
            else:
                report.add("captions_without_photo", f"{path.name}: image_id {number}")
    for names_of_split in listing.lists.values():
        names_of_split.sort()
    return listing


def _add_photos(listing: Listing, split: str, images: Sequence[tuple[int, str]]) -> dict[int, str]:
    """File names by id. Of an id or a name that comes twice, only the first place counts."""
    names: dict[int, str] = {}
    for number, name in images:
        if number in names:
            listing.report.add("repeated_names", f"{name} ({split})")
        elif listing.add_photo(split, name):
            names[number] = name
    return names


def _annotations(written: Any) -> _Annotations:
    return _Annotations(
        str(written.get("info", {}).get("description") or NAME),
        [(int(image["id"]), str(image["file_name"])) for image in written["images"]],
        [(int(one["image_id"]), one["caption"].strip()) for one in written["annotations"]],
    )


def _keep_back(listing: Listing, dev_every: int, root: Path) -> None:
    """Moves every Nth photo from "train" to "dev"."""
    if listing.lists["dev"]:
        raise DatasetError(f"{root} has dev photos of its own: leave out --dev-every.")
    names = listing.lists["train"]
    listing.lists["dev"] = names[::dev_every]
    del names[::dev_every]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = dataset_parser("Turns a download in COCO's layout into a TFRecord dataset.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the original download")
    parser.add_argument(
        "--dev-every",
        type=positive,
        metavar="N",
        help="put every Nth photo into dev (default: none)",
    )
    run(parser, write, arguments)


if __name__ == "__main__":
    main()
