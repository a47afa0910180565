"""Captioned photos: original downloads, and the sharded TFRecord datasets made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.data.tfrecord import DatasetError, Example, is_dataset, read_split


def open_split(directory: Path, split: str) -> Iterator[Example]:
    """Reads one split of a dataset, in its order, without holding it in memory.

    Args:
        directory: a TFRecord dataset (see `training.data.flickr8k.write`) or an original
            Flickr8k download (see `training.data.flickr8k.read`).
        split: "train", "dev" or "test".

    Raises:
        DatasetError: when the directory is neither, or has no such split; and, while reading a
            TFRecord dataset, when a shard is missing or corrupt.
    """
    if is_dataset(directory):
        return read_split(directory, split)
    # Imported here because `python -m training.data.flickr8k` imports this package first, and
    # must not find its own module loaded already.
    from training.data import flickr8k

    if flickr8k.is_download(directory):
        return flickr8k.read_split(directory, split)
    raise DatasetError(
        f"{directory} is no dataset: it has neither the dataset.json of a TFRecord dataset nor the "
        f"folder {flickr8k.TEXT_FOLDER} of a Flickr8k download. Other downloads are to be turned "
        "into a TFRecord dataset first: see docs/datasets.md."
    )
