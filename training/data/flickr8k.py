"""Flickr8k (Hodosh et al. 2013) with its Chinese captions, Flickr8k-CN (Li et al. 2016).

    python -m training.data.flickr8k --root DIR --out DIR [--shards N]

turns the original downloads, unpacked into one folder, into a TFRecord dataset:

    Flicker8k_Dataset/*.jpg             the photos (sic; the name Flickr8k_Dataset does too)
    Flickr8k_text/
      Flickr8k.token.txt                English: `name.jpg#0<tab>caption`
      flickr8kzhc.caption.txt           Chinese by people: `name.jpg#zhc#0 caption`
      flickr8kzhb.caption.txt           Chinese by machine translation: `name.jpg#zhb#0 caption`
      Flickr_8k.trainImages.txt         the photos of each split, one name a line
      Flickr_8k.devImages.txt
      Flickr_8k.testImages.txt
    dataset_flickr8k.json               Karpathy's split, which takes the place of the three lists,
                                        and of the English captions where there are no others

Files may be absent and lines may be damaged: what can be used is used, and the rest is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from training.data import karpathy
from training.data.command import dataset_parser, run
from training.data.downloads import (
    Listing,
    Report,
    Splits,
    find_folder,
    usable_photos,
    write_download,
)
from training.data.text_files import read_captions, read_lines
from training.data.tfrecord import DatasetError, Example, no_split

IMAGE_FOLDERS = ("Flicker8k_Dataset", "Flickr8k_Dataset")
TEXT_FOLDER = "Flickr8k_text"
KARPATHYS_FILE = "dataset_flickr8k.json"
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


def is_download(directory: Path) -> bool:
    return (directory / TEXT_FOLDER).is_dir() or (directory / KARPATHYS_FILE).is_file()


def read(root: Path) -> tuple[Splits, Report]:
    """Reads an original download.

    Text is UTF-8, with or without a byte order mark, with any line ends. Where most lines beyond
    ASCII are not UTF-8, the whole file is read as Latin-1 (English) or GB18030 (Chinese) instead.

    Returns:
        The usable photos of each split that has any, in the order of its list or of Karpathy's
        file, and a report.

    Raises:
        DatasetError: when there is no photo, no caption or no list to use, or Karpathy's file is
            in another layout.
    """
    report = Report("flickr8k")
    images, text = find_folder(root, IMAGE_FOLDERS), root / TEXT_FOLDER
    captions = _read_captions(text, report)
    if (root / KARPATHYS_FILE).is_file():
        listing = karpathy.read(root / KARPATHYS_FILE, report)
        captions.setdefault("en", listing.captions)
    else:
        listing = _read_lists(text, report)
    if not captions:
        raise DatasetError(f"{text} has no captions.\n{report}")
    return usable_photos([images], captions, listing.lists, report), report


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


def _read_captions(text: Path, report: Report) -> dict[str, dict[str, list[str]]]:
    """Captions by language and file name, for the languages that have any."""
    captions = {
        language: read_captions(text / file_name, _LEGACY_ENCODINGS[language], report)
        for language, file_name in CAPTION_FILES.items()
    }
    return {language: by_name for language, by_name in captions.items() if by_name}


def _read_lists(text: Path, report: Report) -> Listing:
    listing = Listing(report)
    for split, file_name in SPLIT_FILES.items():
        for name in read_lines(text / file_name, "latin-1", report):
            listing.add_photo(split, name)
    if not any(listing.lists.values()):
        raise DatasetError(f"{text} names no photo of any split.\n{report}")
    return listing


def main(arguments: Sequence[str] | None = None) -> None:
    parser = dataset_parser("Turns Flickr8k into a TFRecord dataset.")
    parser.add_argument("--root", type=Path, required=True, help="folder of the original download")
    run(parser, write, arguments)


if __name__ == "__main__":
    main()
