"""One TFRecord dataset made of several.

    python -m training.data.mixed --out DIR [--shards N] FIRST OTHER…

Its training photos are those of all, one dataset after the other. Its other splits are those of
the first dataset alone, so that scores stay comparable with a training on that one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from training.data.command import dataset_parser, run
from training.data.tfrecord import (
    DatasetError,
    Example,
    Metadata,
    no_split,
    read_metadata,
    read_split,
)
from training.data.writing import Counts, Split, new_dataset, write_metadata, write_splits


@dataclass
class Part:
    """What one dataset gives to the mixture."""

    folder: Path
    metadata: Metadata
    counts: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    """By split, of what was read so far."""

    def read(self, split: str) -> Iterator[Example]:
        return self.counts[split].passing(read_split(self.folder, split))

    def as_json(self) -> dict[str, Any]:
        splits = {split: counts.as_json() for split, counts in self.counts.items()}
        return {"name": self.metadata.name, "splits": splits}

    def __str__(self) -> str:
        photos = ", ".join(f"{counts.photos} {split}" for split, counts in self.counts.items())
        return f"{self.metadata.name}: {photos}"


class Mixture:
    """Datasets read one after the other. `str()` gives a summary for people."""

    def __init__(self, folders: Sequence[Path]):
        """Raises DatasetError where a folder is no TFRecord dataset, or has no split "train"."""
        self.parts = [_open(folder) for folder in folders]
        # All that is kept of a photo: its name, and where it was.
        self._seen: dict[str, Path] = {}

    def splits(self) -> dict[str, Split]:
        """What is to be written. Reading it raises DatasetError where a photo comes again."""
        first = self.parts[0]
        sources = {split: [first] for split in first.metadata.sizes} | {"train": self.parts}
        return {split: self._split(split, parts) for split, parts in sources.items()}

    def _split(self, split: str, parts: Sequence[Part]) -> Split:
        return Split(
            sum(part.metadata.sizes[split] for part in parts),
            chain.from_iterable(self._new(part, split) for part in parts),
        )

    def _new(self, part: Part, split: str) -> Iterator[Example]:
        for example in part.read(split):
            if example.file_name in self._seen:
                raise DatasetError(
                    f"{example.file_name} comes in {self._seen[example.file_name]} and again in "
                    f"{part.folder}: a photo is in a dataset once, by its file name."
                )
            self._seen[example.file_name] = part.folder
            yield example

    def __str__(self) -> str:
        return "\n".join(map(str, self.parts))


def write(first: Path, others: Sequence[Path], out: Path, shards: int = 8) -> Mixture:
    """Makes one TFRecord dataset of several, the same bytes each time.

    The dataset appears under its name only when it is whole; an older one is replaced then.
    Photos are read and written one at a time.

    Args:
        first: the dataset whose splits are all taken, its training photos first.
        others: those of which only the training photos are taken.
        out: the folder of the dataset to write.
        shards: files per split.

    Raises:
        DatasetError: when one of them is no whole TFRecord dataset with a split "train", when two
            photos have the same file name, or when `out` is one of them or holds something else.
        ValueError: when shards is less than 1.
    """
    mixture = Mixture([first, *others])
    if out.resolve() in {part.folder.resolve() for part in mixture.parts}:
        raise DatasetError(f"{out} is to be read: choose another folder for the mixture.")
    with new_dataset(out) as folder:
        written = write_splits(mixture.splits(), folder, shards)
        parts = [part.as_json() for part in mixture.parts]
        write_metadata(folder, {"name": "mixed", "splits": written, "parts": parts})
    return mixture


def _open(folder: Path) -> Part:
    metadata = read_metadata(folder)
    if "train" not in metadata.sizes:
        raise DatasetError(no_split(folder, "train", metadata.sizes))
    return Part(folder, metadata)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = dataset_parser("Makes one TFRecord dataset of several.")
    parser.add_argument("first", type=Path, help="dataset whose dev and test are kept")
    parser.add_argument(
        "others", type=Path, nargs="+", help="datasets that give their training photos alone"
    )
    run(parser, write, arguments)


if __name__ == "__main__":
    main()
