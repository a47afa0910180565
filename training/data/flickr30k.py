"""Flickr30k (Young et al. 2014) with Karpathy's split, in English.

The original downloads, unpacked into one folder:

    flickr30k-images/*.jpg      the photos (the name flickr30k_images does too)
    dataset_flickr30k.json      Karpathy's split; see `training.data.karpathy`
    results_20130124.token      the captions: `name.jpg#0<tab>caption`. Where it is absent, those of
                                Karpathy's file are taken.

Photos may be absent or damaged, and so may lines: what can be used is used, and the rest is
reported.
"""

from __future__ import annotations

from pathlib import Path

from training.data import karpathy
from training.data.downloads import Report, Splits, photo_folders, usable_photos
from training.data.text_files import read_captions
from training.data.tfrecord import DatasetError

PHOTO_FOLDERS = ("flickr30k-images", "flickr30k_images")
CAPTION_FILE = "results_20130124.token"
KARPATHYS_FILE = "dataset_flickr30k.json"


def read(root: Path) -> tuple[Splits, Report]:
    """Reads an original download, of which the folder of photos is there.

    Returns:
        The usable photos of each split that has any, in the order of Karpathy's file, and a report.

    Raises:
        DatasetError: when there is no photo or no caption to use, or Karpathy's file is absent or
            in another layout.
    """
    report = Report("flickr30k")
    listing = karpathy.read(root / KARPATHYS_FILE, report)
    own = read_captions(root / CAPTION_FILE, "latin-1", report)
    captions = {"en": own} if own else listing.captions
    if not captions:
        raise DatasetError(f"{root} has no captions.\n{report}")
    folders = photo_folders(root, PHOTO_FOLDERS)
    return usable_photos(folders, captions, listing.lists, report), report
