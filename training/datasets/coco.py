"""Downloads in the layout of COCO captions (Chen et al. 2015), in English.

    python -m training.datasets.coco --root DIR --out DIR [--shards N] [--dev-every N]

turns one, unpacked into one folder, into a TFRecord dataset:

    images/*.jpg                the photos
    annotations/captions.json   {"images": [{"id": 1, "file_name": "1.jpg"}, …],
                                 "annotations": [{"image_id": 1, "caption": "A dog."}, …]}

Every photo is for training, but for those that --dev-every keeps back. Photos may be absent or
damaged and captions empty: what can be used is used, and the rest is reported.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from training.datasets.command import dataset_parser, positive, run
from training.datasets.downloads import (
    Report,
    Splits,
    has_words,
    usable_photos,
    write_download,
)
from training.datasets.tfrecord import DatasetError

IMAGE_FOLDER = "images"
CAPTION_FILE = "annotations/captions.json"
NAME = "coco"
"""Of a download that does not say its own in "info"."""


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
        dev_every: with N, photos 0, N, 2N… in the order of file names are "dev"; with None, none
            are. Photos that cannot be used count too: an incomplete copy is split like a whole one.

    Returns:
        The usable photos of "train" and "dev", in the order of their file names, and a report.

    Raises:
        DatasetError: when there is no photo or no caption to use.
        ValueError: when dev_every is less than 1.
    """
    if dev_every is not None and dev_every < 1:
        raise ValueError(f"dev_every is at least 1, not {dev_every}")
    annotations = _read_annotations(root)
    report = Report(annotations.name)
    names = _names(annotations.images, report)
    captions = _captions(annotations.captions, names, report)
    if not captions:
        raise DatasetError(f"{root / CAPTION_FILE} has no captions.\n{report}")
    lists = _lists(sorted(names.values()), dev_every)
    return usable_photos(root / IMAGE_FOLDER, {"en": captions}, lists, report), report


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


def _read_annotations(root: Path) -> _Annotations:
    path = root / CAPTION_FILE
    for needed in (root, root / IMAGE_FOLDER):
        if not needed.is_dir():
            raise DatasetError(f"{needed} is not a folder.")
    if not path.is_file():
        raise DatasetError(f"{root} has no {CAPTION_FILE}.")
    try:
        written = json.loads(path.read_text(encoding="utf-8-sig"))
        return _Annotations(
            str(written.get("info", {}).get("description") or NAME),
            [(int(image["id"]), str(image["file_name"])) for image in written["images"]],
            [(int(one["image_id"]), one["caption"].strip()) for one in written["annotations"]],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} is not in the layout of COCO captions: {error!r}") from error


def _names(images: Iterable[tuple[int, str]], report: Report) -> dict[int, str]:
    """File names by id. Of an id or a name that comes twice, only the first place counts."""
    names: dict[int, str] = {}
    seen: set[str] = set()
    for number, name in images:
        if number in names or name in seen:
            report.add("repeated_names", name)
        else:
            names[number] = name
            seen.add(name)
    return names


def _captions(
    captions: Iterable[tuple[int, str]], names: dict[int, str], report: Report
) -> dict[str, list[str]]:
    """Captions by file name."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for number, caption in captions:
        if number not in names:
            report.add("captions_without_photo", f"image_id {number}")
        elif not has_words(caption):
            report.add("empty_captions", f"{names[number]}: {caption[:80]}")
        else:
            by_name[names[number]].append(caption)
    return dict(by_name)


def _lists(names: list[str], dev_every: int | None) -> dict[str, list[str]]:
    """File names by split."""
    if dev_every is None:
        return {"train": names}
    dev = names[::dev_every]
    kept_back = set(dev)
    return {"train": [name for name in names if name not in kept_back], "dev": dev}


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
