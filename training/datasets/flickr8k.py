"""Flickr8k (Hodosh et al. 2013) with its Chinese captions, Flickr8k-CN (Li et al. 2016).

    python -m training.datasets.flickr8k --root DIR --out DIR [--shards N]

turns the original downloads, unpacked into one folder, into a TFRecord dataset:

    Flicker8k_Dataset/*.jpg             the photos (sic; the name Flickr8k_Dataset does too)
    Flickr8k_text/
      Flickr8k.token.txt                English: `name.jpg#0<tab>caption`
      flickr8kzhc.caption.txt           Chinese by people: `name.jpg#zhc#0 caption`
      flickr8kzhb.caption.txt           Chinese by machine translation: `name.jpg#zhb#0 caption`
      Flickr_8k.trainImages.txt         the photos of each split, one name a line
      Flickr_8k.devImages.txt
      Flickr_8k.testImages.txt

Files may be absent and lines may be damaged: what can be used is used, and the rest is reported.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from app.captioning.vocabulary import Vocabulary
from training.datasets.tfrecord import (
    METADATA,
    DatasetError,
    Example,
    Photo,
    no_split,
    write_shards,
)
from training.tokenization import words

IMAGE_FOLDERS = ("Flicker8k_Dataset", "Flickr8k_Dataset")
TEXT_FOLDER = "Flickr8k_text"
SPLIT_FILES = {
    "train": "Flickr_8k.trainImages.txt",
    "dev": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
CAPTION_FILES = {
    "en": "Flickr8k.token.txt",
    "zh": "flickr8kzhc.caption.txt",
    "zh_translated": "flickr8kzhb.caption.txt",
}
VOCABULARY_LANGUAGES = ("en", "zh")
MINIMUM_COUNT = 4
"""How often a word comes in the training captions to enter the vocabulary."""

# What a file that is not UTF-8 is taken for. Latin-1 gives every byte a letter.
_LEGACY_ENCODINGS = {"en": "latin-1", "zh": "gb18030", "zh_translated": "gb18030"}
_CAPTION_LINE = re.compile(r"(?P<name>[^#\t]+)#(?:zh[bc]#)?\d+(?:\s+(?P<caption>.*))?")
_DATASET_FILE = re.compile(r"dataset\.json|vocabulary_\w+\.txt|\w+-\d+-of-\d+\.tfrecord")

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


def is_download(directory: Path) -> bool:
    return (directory / TEXT_FOLDER).is_dir()


def read(root: Path) -> tuple[dict[str, list[Photo]], Report]:
    """Reads an original download.

    Text is UTF-8, with or without a byte order mark, with any line ends. Where most lines beyond
    ASCII are not UTF-8, the whole file is read as Latin-1 (English) or GB18030 (Chinese) instead.

    Returns:
        The usable photos of each split that has any, in the order of its list, and a report.

    Raises:
        DatasetError: when there is no photo, no caption or no list to use.
    """
    report = Report()
    images, text = _folders(root)
    on_disk = {path.name for path in images.iterdir() if path.is_file()}
    captions = _read_captions(text, report)
    lists = _read_lists(text, report)
    _compare(on_disk, captions, lists, report)
    splits = {
        split: [
            _photo(images / name, captions)
            for name in tqdm(names, desc=f"Reading {split}", unit="photo", disable=None)
            if name in on_disk
            and any(name in by_name for by_name in captions.values())
            and _decodes(images / name, report)
        ]
        for split, names in lists.items()
    }
    splits = {split: photos for split, photos in splits.items() if photos}
    if not splits:
        raise DatasetError(f"{root} has no photo that is listed, captioned and whole.\n{report}")
    _count(splits, report)
    return splits, report


def read_split(root: Path, split: str) -> Iterator[Example]:
    """Reads the photos of one split of an original download, one at a time.

    Raises:
        DatasetError: when there is nothing to use, or nothing of this split.
    """
    splits, _ = read(root)
    if split not in splits:
        raise DatasetError(no_split(root, split, splits))
    return (photo.load() for photo in splits[split])


def write(root: Path, out: Path, shards: int = 8) -> Report:
    """Turns an original download into a TFRecord dataset, the same bytes each time.

    The dataset appears under its name only when it is whole; an older one is replaced then.

    Raises:
        DatasetError: when there is nothing to train on, or `out` holds something else.
        ValueError: when shards is less than 1.
    """
    out = out.resolve()
    partial = out.with_name(f"{out.name}.partial")
    for folder in (out, partial):
        _check_replaceable(folder)
    splits, report = read(root)
    if "train" not in splits:
        raise DatasetError(f"{root} has no usable photo in the split 'train'.\n{report}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write_files(splits, partial, shards, report)
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return report


def _folders(root: Path) -> tuple[Path, Path]:
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder.")
    for name in IMAGE_FOLDERS:
        if (root / name).is_dir():
            return root / name, root / TEXT_FOLDER
    raise DatasetError(f"{root} has no folder of photos: neither {' nor '.join(IMAGE_FOLDERS)}.")


def _read_captions(text: Path, report: Report) -> dict[str, dict[str, list[str]]]:
    """Captions by language and file name, for the languages that have any."""
    captions = {}
    for language, file_name in CAPTION_FILES.items():
        by_name: dict[str, list[str]] = defaultdict(list)
        for line in _lines(text / file_name, _LEGACY_ENCODINGS[language], report):
            parsed = _CAPTION_LINE.fullmatch(line)
            if not parsed:
                report.add("unparsable_lines", f"{file_name}: {line[:80]}")
            elif not any(map(str.isalnum, parsed["caption"] or "")):
                report.add("empty_captions", f"{file_name}: {line[:80]}")
            else:
                by_name[parsed["name"]].append(parsed["caption"])
        if by_name:
            captions[language] = dict(by_name)
    if not captions:
        raise DatasetError(f"{text} has no captions.\n{report}")
    return captions


def _read_lists(text: Path, report: Report) -> dict[str, list[str]]:
    """File names by split. A name stays only where it comes first."""
    lists: dict[str, list[str]] = {}
    seen: set[str] = set()
    for split, file_name in SPLIT_FILES.items():
        lists[split] = []
        for name in _lines(text / file_name, "latin-1", report):
            if name in seen:
                report.add("repeated_names", f"{name} ({split})")
            else:
                seen.add(name)
                lists[split].append(name)
    if not seen:
        raise DatasetError(f"{text} names no photo of any split.\n{report}")
    return lists


def _lines(path: Path, legacy_encoding: str, report: Report) -> Iterator[str]:
    """The lines that are text, without white space around them and without empty ones."""
    if not path.is_file():
        report.add("missing_files", path.name)
        return
    lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    encoding = "utf-8"
    if not _mostly_utf8(lines):
        encoding = legacy_encoding
        report.add("legacy_encodings", f"{path.name} ({encoding})")
    for number, line in enumerate(lines, 1):
        decoded = _decode(line, encoding)
        if decoded is None:
            report.add("undecodable_lines", f"{path.name}, line {number}")
        elif decoded.strip():
            yield decoded.strip()


def _mostly_utf8(lines: Sequence[bytes]) -> bool:
    beyond_ascii = [line for line in lines if not line.isascii()]
    valid = sum(_decode(line, "utf-8") is not None for line in beyond_ascii)
    return 2 * valid >= len(beyond_ascii)


def _decode(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None


def _compare(
    on_disk: set[str],
    captions: dict[str, dict[str, list[str]]],
    lists: dict[str, list[str]],
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


def _photo(path: Path, captions: dict[str, dict[str, list[str]]]) -> Photo:
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
    number it needs nothing of the name. 48 bits are exact in JSON, and two of 8,000 names share
    them with a chance of one in nine million.
    """
    return int.from_bytes(hashlib.sha256(file_name.encode()).digest()[:6], "big")


def _count(splits: dict[str, list[Photo]], report: Report) -> None:
    for split, photos in splits.items():
        report.photos[split] = len(photos)
        for language, count in _caption_counts(photos).items():
            report.captions[language] = report.captions.get(language, 0) + count


def _caption_counts(photos: Sequence[Photo]) -> dict[str, int]:
    counts = {
        language: sum(len(photo.captions.get(language, ())) for photo in photos)
        for language in CAPTION_FILES
    }
    return {language: count for language, count in counts.items() if count}


def _check_replaceable(out: Path) -> None:
    """Nothing is deleted but what `write` wrote."""
    if not out.exists():
        return
    if not out.is_dir():
        raise DatasetError(f"{out} is a file: choose another folder for the dataset.")
    for path in sorted(out.iterdir()):
        if not (path.is_file() and _DATASET_FILE.fullmatch(path.name)):
            raise DatasetError(
                f"{out} holds {path.name}, which is no part of a dataset: choose another folder."
            )


def _write_files(splits: dict[str, list[Photo]], folder: Path, shards: int, report: Report) -> None:
    metadata: dict[str, Any] = {"name": "flickr8k", "splits": {}}
    for split, photos in splits.items():
        metadata["splits"][split] = {
            "photos": len(photos),
            "captions": _caption_counts(photos),
            "shards": write_shards(photos, folder, split, shards),
        }
    for language in VOCABULARY_LANGUAGES:
        _write_vocabulary(splits["train"], language, folder)
    metadata["report"] = report.as_json()
    text = json.dumps(metadata, ensure_ascii=False, indent=2) + "\n"
    (folder / METADATA).write_text(text, encoding="utf-8", newline="\n")


def _write_vocabulary(photos: Sequence[Photo], language: str, folder: Path) -> None:
    captions = [text for photo in photos for text in photo.captions.get(language, ())]
    if captions:
        vocabulary = Vocabulary.build((words(text, language) for text in captions), MINIMUM_COUNT)
        vocabulary.save(folder / f"vocabulary_{language}.txt")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Turns Flickr8k into a TFRecord dataset.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the original download")
    parser.add_argument("--out", type=Path, required=True, help="folder of the dataset to write")
    parser.add_argument("--shards", type=int, default=8, help="files per split (default: 8)")
    options = parser.parse_args(arguments)
    if options.shards < 1:
        parser.error("--shards must be at least 1")
    try:
        print(write(options.root, options.out, options.shards))
    except (DatasetError, OSError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
