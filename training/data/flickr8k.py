"""Flickr8k (Hodosh et al. 2013) with its Chinese captions, Flickr8k-CN (Li et al. 2016).

The original downloads, unpacked into one folder:

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

from pathlib import Path

from training.data import karpathy
from training.data.downloads import Listing, Report, Splits, photo_folders, usable_photos
from training.data.text_files import read_captions, read_lines
from training.data.tfrecord import DatasetError

PHOTO_FOLDERS = ("Flicker8k_Dataset", "Flickr8k_Dataset")
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


def read(root: Path) -> tuple[Splits, Report]:
    """Reads an original download, of which the folder of photos is there.

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
    text, karpathys = root / TEXT_FOLDER, root / KARPATHYS_FILE
    own = _read_captions(text, report)
    listing = karpathy.read(karpathys, report) if karpathys.is_file() else _read_lists(text, report)
    captions = listing.captions | own
    if not captions:
        raise DatasetError(f"{text} has no captions.\n{report}")
    folders = photo_folders(root, PHOTO_FOLDERS)
    return usable_photos(folders, captions, listing.lists, report), report


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
