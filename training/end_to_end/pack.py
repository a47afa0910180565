"""Packs a dataset and an encoder's weights for the training end to end.

photos-SPLIT.npz     the photos, squashed as the service squashes them, as JPEG
captions-SPLIT.json  their names, and the words of their captions
vocabulary_*.txt     the dataset's
encoder.npz          the weights
"""

from __future__ import annotations

import argparse
import json
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from app.captioning.captioner import squash
from training.data import DatasetError, open_split
from training.data.augmentation import PHOTO_SIZE
from training.data.photos import upright
from training.data.tokenization import words
from training.encoders import ENCODERS, build, find_weights, read_weights
from training.encoders.weights import write_weights

SPLITS = ("train", "dev")
LANGUAGES = ("en", "zh")
QUALITY = 90


def pack(dataset: Path, encoder: str, weights: Path, out: Path) -> None:
    """
    Raises:
        DatasetError: the dataset cannot be read.
        FileNotFoundError: there are no such weights.
        WeightsError: they are not this encoder's.
    """
    values = read_weights(find_weights(ENCODERS[encoder], weights))
    build(ENCODERS[encoder], values, PHOTO_SIZE)
    out.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        _pack_split(dataset, split, out)
    for language in LANGUAGES:
        shutil.copy(dataset / f"vocabulary_{language}.txt", out)
    write_weights(out / "encoder.npz", values)


def _pack_split(dataset: Path, split: str, out: Path) -> None:
    photos, captions = [], []
    for example in open_split(dataset, split):
        photos.append(np.frombuffer(_squashed(example.photo), np.uint8))
        captions.append(
            {"name": example.file_name}
            | {
                language: [words(text, language) for text in example.captions.get(language, ())]
                for language in LANGUAGES
            }
        )
    ends = np.cumsum([len(photo) for photo in photos])
    np.savez(out / f"photos-{split}.npz", bytes=np.concatenate(photos), ends=ends)
    path = out / f"captions-{split}.json"
    path.write_text(json.dumps(captions, ensure_ascii=False), encoding="utf-8")


def _squashed(photo: bytes) -> bytes:
    """The file itself where there is nothing to squash: a JPEG saved again is worse."""
    with Image.open(BytesIO(photo)) as opened:
        plain = opened.mode == "RGB" and not {"exif", "icc_profile"} & set(opened.info)
        if opened.format == "JPEG" and plain and opened.size == (PHOTO_SIZE, PHOTO_SIZE):
            return photo
    file = BytesIO()
    squash(upright(photo), PHOTO_SIZE).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--encoder", choices=ENCODERS, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    try:
        pack(**vars(parser.parse_args()))
    except (DatasetError, OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
