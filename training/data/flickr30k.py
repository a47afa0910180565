"""Flickr30k (Young et al. 2014) with Karpathy's split, in English.

    python -m training.data.flickr30k --root DIR --out DIR [--shards N]

turns the original downloads, unpacked into one folder, into a TFRecord dataset:

    flickr30k-images/*.jpg      the photos (the name flickr30k_images does too)
    dataset_flickr30k.json      Karpathy's split; see `training.data.karpathy`
    results_20130124.token      the captions: `name.jpg#0<tab>caption`. Where it is absent, those of
                                Karpathy's file are taken.

Photos may be absent or damaged, and so may lines: what can be used is used, and the rest is
reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from training.data import karpathy
from training.data.command import dataset_parser, run
from training.data.downloads import (
    Report,
    Splits,
    find_folder,
    usable_photos,
    write_download,
)
from training.data.text_files import read_captions
from training.data.tfrecord import DatasetError

IMAGE_FOLDERS = ("flickr30k-images", "flickr30k_images")
CAPTION_FILE = "results_20130124.token"
KARPATHYS_FILE = "dataset_flickr30k.json"


def read(root: Path) -> tuple[Splits, Report]:
    """Reads an original download.

    Returns:
        The usable photos of each split that has any, in the order of Karpathy's file, and a report.

    Raises:
        DatasetError: when there is no photo or no caption to use, or Karpathy's file is absent or
            in another layout.
    """
    report = Report("flickr30k")
    images = find_folder(root, IMAGE_FOLDERS)
    listing = karpathy.read(root / KARPATHYS_FILE, report)
    captions = read_captions(root / CAPTION_FILE, "latin-1", report) or listing.captions
    if not captions:
        raise DatasetError(f"{root} has no captions.\n{report}")
    return usable_photos([images], {"en": captions}, listing.lists, report), report


def write(root: Path, out: Path, shards: int = 8) -> Report:
    """Turns an original download into a TFRecord dataset, the same bytes each time.

    The dataset appears under its name only when it is whole; an older one is replaced then.

    Raises:
        DatasetError: when there is nothing to train on, or `out` holds something else.
        ValueError: when shards is less than 1.
    """
    return write_download(partial(read, root), out, shards)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = dataset_parser("Turns Flickr30k into a TFRecord dataset.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the original download")
    run(parser, write, arguments)


if __name__ == "__main__":
    main()
