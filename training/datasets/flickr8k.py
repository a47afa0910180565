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

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from training.datasets.command import dataset_parser, run
from training.datasets.downloads import (
    Report,
    Splits,
    has_words,
    usable_photos,
    write_download,
)
from training.datasets.tfrecord import DatasetError, Example, no_split

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

# What a file that is not UTF-8 is taken for. Latin-1 gives every byte a letter.
_LEGACY_ENCODINGS = {"en": "latin-1", "zh": "gb18030", "zh_translated": "gb18030"}
_CAPTION_LINE = re.compile(r"(?P<name>[^#\t]+)#(?:zh[bc]#)?\d+(?:\s+(?P<caption>.*))?")


def is_download(directory: Path) -> bool:
    return (directory / TEXT_FOLDER).is_dir()


def read(root: Path) -> tuple[Splits, Report]:
    """Reads an original download.

    Text is UTF-8, with or without a byte order mark, with any line ends. Where most lines beyond
    ASCII are not UTF-8, the whole file is read as Latin-1 (English) or GB18030 (Chinese) instead.

    Returns:
        The usable photos of each split that has any, in the order of its list, and a report.

    Raises:
        DatasetError: when there is no photo, no caption or no list to use.
    """
    report = Report("flickr8k")
    images, text = _folders(root)
    captions = _read_captions(text, report)
    lists = _read_lists(text, report)
    return usable_photos(images, captions, lists, report), report


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
    return write_download(partial(read, root), out, shards)


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
            elif not has_words(parsed["caption"] or ""):
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = dataset_parser("Turns Flickr8k into a TFRecord dataset.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the original download")
    run(parser, write, arguments)


if __name__ == "__main__":
    main()
