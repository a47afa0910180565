"""What all original downloads share: finding the usable photos, and reporting what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from training.data.tfrecord import DatasetError, Photo
from training.data.writing import Counts, Split, new_dataset, write_metadata, write_splits

Splits = dict[str, list[Photo]]
CaptionsByName = Mapping[str, Mapping[str, Sequence[str]]]
"""Captions by language and file name."""

SPLITS = ("train", "dev", "test")
PROBLEMS = {
    "missing_files": "lists and caption files that are absent",
    "legacy_encodings": "files that are not UTF-8, read in an older encoding",
    "undecodable_lines": "lines skipped because they are not text in their file's encoding",
    "unparsable_lines": "lines skipped because they are not a photo's name and a caption",
    "empty_captions": "captions skipped because they have no word",
    "missing_photos": "photos named in a list or caption file that are not on disk",
    "broken_photos": "photos of a split left out because they cannot be decoded",
    "captions_without_photo": "captions of photos that are not on disk",
    "photos_without_captions": "photos without captions in a language",
    "unknown_names": "names in a split that are neither on disk nor in a caption file",
    "repeated_names": "photos named twice, in one split or in two; the first place counts",
    "unused_photos": "photos on disk that are in no split",
}
EXAMPLES_KEPT = 5


@dataclass
class Problem:
    count: int = 0
    examples: list[str] = field(default_factory=list)
    """The first few, by name."""


@dataclass
class Report:
    """What was read and what was wrong. `str()` gives a summary for people."""

    name: str
    """The dataset's."""
    descriptions: dict[str, str] = field(default_factory=dict)
    """What the download says of the captions of each language, for instance who wrote them."""
    photos: dict[str, int] = field(default_factory=dict)
    """Usable photos by split."""
    captions: dict[str, int] = field(default_factory=dict)
    """Their captions by language, over all splits."""
    problems: dict[str, Problem] = field(
        default_factory=lambda: {key: Problem() for key in PROBLEMS}
    )
    """By the keys of `PROBLEMS`, where each is explained."""

    def add(self, problem: str, example: str) -> None:
        found = self.problems[problem]
        found.count += 1
        if len(found.examples) < EXAMPLES_KEPT:
            found.examples.append(example)

    def as_json(self) -> dict[str, Any]:
        found = {key: vars(problem) for key, problem in self.problems.items() if problem.count}
        return {"photos": self.photos, "captions": self.captions, "problems": found}

    def __str__(self) -> str:
        lines = [
            f"photos: {_listed(self.photos)}",
            f"captions: {_listed(self.captions)}",
        ]
        for key, problem in self.problems.items():
            if problem.count:
                more = ", …" if problem.count > len(problem.examples) else ""
                examples = ", ".join(problem.examples)
                lines.append(f"{problem.count} {PROBLEMS[key]}: {examples}{more}")
        return "\n".join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def has_words(caption: str) -> bool:
    return any(map(str.isalnum, caption))


@dataclass
class Listing:
    """What a download's files say of its photos, before any is looked for on disk."""

    report: Report
    lists: dict[str, list[str]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    """File names by split, each name once."""
    captions: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By language and file name."""
    _seen: set[str] = field(default_factory=set)

    def add_photo(self, split: str, name: str) -> bool:
        """Takes a name that is new, and reports one that is not. Says which it was."""
        if name in self._seen:
            self.report.add("repeated_names", f"{name} ({split})")
            return False
        self._seen.add(name)
        self.lists[split].append(name)
        return True

    def add_caption(self, language: str, name: str, caption: str, source: str) -> None:
        """Takes the caption where it has a word, and otherwise reports it.

        Args:
            language: the caption's.
            name: the photo's.
            caption: one of its captions.
            source: the file that has it.
        """
        if has_words(caption):
            self.captions.setdefault(language, {}).setdefault(name, []).append(caption)
        else:
            self.report.add("empty_captions", f"{source}: {name} {caption[:80]}")


def photo_folders(root: Path, names: Sequence[str]) -> list[Path]:
    """Those of the folders that root has."""
    return [root / name for name in names if (root / name).is_dir()]


def usable_photos(
    folders: Sequence[Path],
    captions: CaptionsByName,
    lists: Mapping[str, Sequence[str]],
    report: Report,
) -> Splits:
    """Finds the photos that can be used, and reports the others.

    Args:
        folders: those of the photos.
        captions: those of each photo.
        lists: the file names of each split.
        report: gets counts and problems.

    Returns:
        The photos of each split that has any, in the order of its list.

    Raises:
        DatasetError: when there is no photo to use.
    """
    on_disk = {path.name: path for folder in folders for path in folder.iterdir() if path.is_file()}
    _compare(on_disk.keys(), captions, lists, report)
    splits = {
        split: [
            _photo(on_disk[name], captions)
            for name in tqdm(names, desc=f"Reading {split}", unit="photo", disable=None)
            if name in on_disk
            and any(name in by_name for by_name in captions.values())
            and _decodes(on_disk[name], report)
        ]
        for split, names in lists.items()
    }
    splits = {split: photos for split, photos in splits.items() if photos}
    if not splits:
        where = " and ".join(map(str, folders))
        raise DatasetError(
            f"There is no photo that is listed, captioned and whole in {where}.\n{report}"
        )
    _count(splits, report)
    return splits


def write_download(read: Callable[[], tuple[Splits, Report]], out: Path, shards: int) -> Report:
    """Turns what a download holds into a TFRecord dataset, the same bytes each time.

    The dataset appears under its name only when it is whole; an older one is replaced then.

    Raises:
        DatasetError: when there is nothing to train on, or `out` holds something else.
        ValueError: when shards is less than 1.
    """
    with new_dataset(out) as folder:
        splits, report = read()
        if "train" not in splits:
            raise DatasetError(f"{report.name} has no usable photo in the split 'train'.\n{report}")
        to_write = {
            split: Split(len(photos), (photo.load() for photo in photos))
            for split, photos in splits.items()
        }
        written = write_splits(to_write, folder, shards)
        write_metadata(
            folder,
            {
                "name": report.name,
                "descriptions": report.descriptions,
                "splits": written,
                "report": report.as_json(),
            },
        )
    return report


def _compare(
    on_disk: Set[str],
    captions: CaptionsByName,
    lists: Mapping[str, Sequence[str]],
    report: Report,
) -> None:
    """Reports photos, captions and lists that do not belong together, sorted by name."""
    captioned = {name for by_name in captions.values() for name in by_name}
    listed = {name for names in lists.values() for name in names}
    for name in sorted((captioned | listed) - on_disk):
        report.add("missing_photos", name)
    for name in sorted(listed - on_disk - captioned):
        report.add("unknown_names", name)
    for name in sorted(on_disk - listed):
        report.add("unused_photos", name)
    for language, by_name in captions.items():
        for name in sorted(on_disk - by_name.keys()):
            report.add("photos_without_captions", f"{name} ({language})")
        for name in sorted(by_name.keys() - on_disk):
            for _ in by_name[name]:
                report.add("captions_without_photo", f"{name} ({language})")


def _decodes(path: Path, report: Report) -> bool:
    try:
        with Image.open(path) as image:
            # A JPEG at an eighth of its size costs less, and is read to its end all the same.
            image.draft("RGB", (image.width // 8, image.height // 8))
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        report.add("broken_photos", path.name)
        return False
    return True


def _photo(path: Path, captions: CaptionsByName) -> Photo:
    return Photo(
        file_name=path.name,
        image_id=_image_id(path.name),
        path=path,
        captions={
            language: tuple(by_name[path.name])
            for language, by_name in captions.items()
            if path.name in by_name
        },
    )


def _image_id(file_name: str) -> int:
    """The first 48 bits of the name's SHA-256.

    Unlike a place in a list it is the same for every copy, however incomplete; unlike Flickr's
    number it needs nothing of the name. 48 bits are exact in JSON, and two of 120,000 names share
    them with a chance of one in 39,000.
    """
    return int.from_bytes(hashlib.sha256(file_name.encode()).digest()[:6], "big")


def _count(splits: Splits, report: Report) -> None:
    counts = Counts()
    for split, photos in splits.items():
        report.photos[split] = len(photos)
        for photo in photos:
            counts.add(photo.captions)
    report.captions = counts.as_json()["captions"]
