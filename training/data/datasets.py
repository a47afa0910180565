"""Captioned photos: original downloads, and the sharded TFRecord datasets made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from training.data import coco, flickr8k, flickr30k
from training.data.downloads import Report, Splits, photo_folders, write_download
from training.data.tfrecord import DatasetError, open_split

__all__ = ["DatasetError", "Report", "check_distinct", "make", "open_split"]

_READERS: Mapping[tuple[str, ...], Callable[[Path], tuple[Splits, Report]]] = {
    flickr8k.PHOTO_FOLDERS: flickr8k.read,
    flickr30k.PHOTO_FOLDERS: flickr30k.read,
    coco.PHOTO_FOLDERS: coco.read,
}
"""What reads a download, by the folders that its photos may lie in."""


def make(root: Path, out: Path, shards: int = 8) -> Report:
    """Turns an original download into a TFRecord dataset, the same bytes each time.

    Which collection it is, its folder of photos says: see docs/datasets.md. The dataset appears
    under its name only when it is whole; an older one is replaced then.

    Args:
        root: the folder of the download.
        out: the folder of the dataset.
        shards: files per split.

    Raises:
        DatasetError: when root is no download or several, there is nothing to train on, or `out`
            holds something else.
        ValueError: when shards is less than 1.
    """
    return write_download(partial(_reader(root), root), out, shards)


def check_distinct(names: Mapping[str, Sequence[str]]) -> None:
    """Makes sure that no photo is trained on twice, or trained on and measured with.

    Args:
        names: the file names of the photos of each split that is used, by what the split is called
            in the error, for instance "flickr8k (train)".

    Raises:
        DatasetError: when two of them have a photo of the same name.
    """
    places: dict[str, str] = {}
    for place, names_there in names.items():
        for name in names_there:
            first = places.setdefault(name, place)
            if first != place:
                raise DatasetError(
                    f"{name} is in {first} and in {place}: a photo, by its file name, is in one "
                    "of them only."
                )


def _reader(root: Path) -> Callable[[Path], tuple[Splits, Report]]:
    """That of the one collection that root holds."""
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder.")
    found = {folders: read for folders, read in _READERS.items() if photo_folders(root, folders)}
    if not found:
        known = ", ".join(name for folders in _READERS for name in folders)
        raise DatasetError(
            f"{root} has no folder of photos: none of {known}. Unpack the photos there."
        )
    if len(found) > 1:
        there = [path.name for folders in found for path in photo_folders(root, folders)]
        raise DatasetError(
            f"{root} holds several downloads: the photos of {', '.join(there)}. "
            "Give each a folder of its own; links do."
        )
    (read,) = found.values()
    return read
