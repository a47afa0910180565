"""Captioned photos in sharded TFRecord, the form that training reads.

A dataset is a folder with `dataset.json`, vocabularies, and for each split shards named like
`train-00000-of-00008.tfrecord`. A record is a `tf.train.Example` with the features `file_name`
(bytes), `image_id` (int64), `photo` (the file's bytes, not decoded) and, for each language that has
captions, `captions/<language>` (bytes, UTF-8, one value per caption).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tqdm import tqdm

from app.captioning.checkpoint import sha256

METADATA = "dataset.json"
_CAPTIONS = "captions/"

Captions = dict[str, tuple[str, ...]]
"""A photo's captions as people wrote them, by language. Languages without captions are absent."""


class DatasetError(ValueError):
    """Says in a sentence what is wrong with a dataset, for the person who runs a command."""


@dataclass(frozen=True)
class Example:
    """A photo with everything that training and scoring need."""

    file_name: str
    image_id: int
    """From 0 to 2**48 - 1, unique within a dataset."""
    photo: bytes
    """The photo's file, for instance a JPEG."""
    captions: Captions


@dataclass(frozen=True)
class Photo:
    """A photo on disk: an `Example` not yet read."""

    file_name: str
    image_id: int
    path: Path
    captions: Captions

    def load(self) -> Example:
        return Example(self.file_name, self.image_id, self.path.read_bytes(), self.captions)


def write_shards(
    examples: Iterable[Example], size: int, out: Path, split: str, shards: int
) -> dict[str, str]:
    """Writes photos, in their order, to as many shards of about equal length.

    Shards hold consecutive photos, so reading them in order gives the photos in order. With more
    shards than photos, some are empty. The same photos always give the same bytes.

    Args:
        examples: the photos; they are taken one at a time.
        size: how many they are.
        out: the folder to write into.
        split: names the shards.
        shards: how many files to write.

    Returns:
        The SHA-256 of each shard, in hexadecimal, by its file name.

    Raises:
        ValueError: when shards is less than 1.
        OSError: when a photo cannot be read or a shard cannot be written.
    """
    if shards < 1:
        raise ValueError(f"a dataset has at least one shard, not {shards}")
    digests = {}
    shown = tqdm(examples, desc=f"Writing {split}", total=size, unit="photo", disable=None)
    remaining = iter(shown)
    for shard in range(shards):
        first, last = (size * end // shards for end in (shard, shard + 1))
        # The last takes what is left: where examples are not as many as promised, their reader is
        # asked for one more than there are, and can say so.
        length = last - first if shard + 1 < shards else None
        path = out / _shard_name(split, shard, shards)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for example in islice(remaining, length):
                writer.write(_serialise(example))
        digests[path.name] = sha256(path)
    return digests


def read_shards(directory: Path, split: str) -> Iterator[Example]:
    """Reads a split's shards in order, one record at a time.

    Raises:
        DatasetError: at once when a shard is missing; while reading, when one is corrupt.
    """
    return _read_files(_shards(directory, split))


@dataclass(frozen=True)
class Metadata:
    """What reading a dataset needs of its `dataset.json`."""

    name: str
    sizes: dict[str, int]
    """Photos by split."""


def read_metadata(directory: Path) -> Metadata:
    """Raises DatasetError when the directory is no TFRecord dataset."""
    path = directory / METADATA
    if not path.is_file():
        raise DatasetError(
            f"{directory} is no dataset: it has no {METADATA}. Downloads are to be turned into "
            "datasets first: see docs/datasets.md."
        )
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        sizes = {split: int(facts["photos"]) for split, facts in written["splits"].items()}
        return Metadata(str(written["name"]), sizes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} does not describe a dataset: write it again.") from error


def open_split(directory: Path, split: str) -> Iterator[Example]:
    """Reads one split of a dataset, in its order, one photo at a time, and makes sure that none is
    lost.

    Args:
        directory: the dataset, of `training.data.datasets.make`.
        split: "train", "dev" or "test".

    Raises:
        DatasetError: at once when there is no such dataset or split or a shard is missing; while
            reading, when a shard is corrupt, or at the end when the number of photos is not the one
            written.
    """
    sizes = read_metadata(directory).sizes
    if split not in sizes:
        raise DatasetError(f"{directory} has no split {split!r}, only: {', '.join(sizes)}.")
    return _counted(read_shards(directory, split), sizes[split], directory)


def _shard_name(split: str, shard: int, shards: int) -> str:
    return f"{split}-{shard:05d}-of-{shards:05d}.tfrecord"


def _shards(directory: Path, split: str) -> list[Path]:
    found = sorted(directory.glob(f"{split}-*-of-*.tfrecord"))
    if not found:
        raise DatasetError(f"{directory} has no shards of the split {split!r}.")
    shards = int(found[-1].stem.rpartition("-")[2])
    expected = [directory / _shard_name(split, shard, shards) for shard in range(shards)]
    for path in expected:
        if not path.is_file():
            raise DatasetError(f"The shard {path} is missing: write the dataset again.")
    return expected


def _read_files(paths: Sequence[Path]) -> Iterator[Example]:
    for path in paths:
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                yield _parse(record)
        except (tf.errors.DataLossError, DecodeError, IndexError) as error:
            message = f"The shard {path} is corrupt: write the dataset again."
            raise DatasetError(message) from error


def _counted(examples: Iterator[Example], expected: int, where: Path) -> Iterator[Example]:
    count = 0
    for example in examples:
        yield example
        count += 1
    if count != expected:
        raise DatasetError(
            f"{where} gave {count} photos where {expected} were written: write the dataset again."
        )


def _serialise(example: Example) -> bytes:
    features = {
        "file_name": _bytes_feature(example.file_name.encode()),
        "image_id": tf.train.Feature(int64_list=tf.train.Int64List(value=[example.image_id])),
        "photo": _bytes_feature(example.photo),
    }
    for language, captions in example.captions.items():
        features[_CAPTIONS + language] = _bytes_feature(*(text.encode() for text in captions))
    record = tf.train.Example(features=tf.train.Features(feature=features))
    # A map's entries have no fixed order otherwise.
    return record.SerializeToString(deterministic=True)


def _bytes_feature(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _parse(record: bytes) -> Example:
    features = tf.train.Example.FromString(record).features.feature
    return Example(
        file_name=features["file_name"].bytes_list.value[0].decode(),
        image_id=features["image_id"].int64_list.value[0],
        photo=features["photo"].bytes_list.value[0],
        captions={
            name.removeprefix(_CAPTIONS): tuple(text.decode() for text in feature.bytes_list.value)
            for name, feature in sorted(features.items())
            if name.startswith(_CAPTIONS)
        },
    )
