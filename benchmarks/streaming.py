"""Memory of writing and reading a dataset, at two sizes of which one is ten times the other.

    python -m benchmarks.streaming [--photos N N]

Makes synthetic photos with captions in COCO's layout, in the folder for temporary files, turns them
into a TFRecord dataset and reads that through once, each step in a process of its own. Prints the
highest resident memory and the ratios as JSON. 120,000 photos take about 3 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from PIL import Image

SIDE = 224
DISTINCT = 16
"""Files; all photos are hard links to them. A file system allows some 65,000 links to one file."""
DEV_EVERY = 24
"""About as many photos for each of dev as COCO 2017 has."""
SPLITS = ("train", "dev")
CAPTIONS = 5
WORDS = ("a", "man", "dog", "on", "in", "with", "the", "large", "street", "standing", "near")
WORDS_IN_A_CAPTION = 11


def measure(photos: int) -> dict[str, float]:
    """Highest resident memory in MB: before the first photo, and after the last was written and
    was read."""
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "download", Path(folder) / "dataset"
        root.mkdir()
        draw_download(root, photos)
        return afresh(write, root, out) | afresh(read, out)


def afresh(step: Callable[..., dict[str, float]], *arguments: Path) -> dict[str, float]:
    """What step returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(step, *arguments).result()


def write(root: Path, out: Path) -> dict[str, float]:
    from training.data.datasets import make

    start = highest_resident_mb()
    photos = sum(make(root, out).photos.values())
    return {"photos": photos, "start_mb": start, "writing_mb": highest_resident_mb()}


def read(out: Path) -> dict[str, float]:
    from training.data.datasets import open_split

    size = sum(len(example.photo) for split in SPLITS for example in open_split(out, split))
    return {"reading_mb": highest_resident_mb(), "size_of_photos_mb": size >> 20}


def highest_resident_mb() -> int:
    # Not getrusage: a new process inherits its figure from the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[1]) >> 10  # type: ignore[index]


def draw_download(root: Path, photos: int) -> None:
    """A download in the layout of COCO 2017."""
    sources = draw_sources(root / "sources")
    chosen = random.Random(0)
    numbers = {
        "val2017": range(0, photos, DEV_EVERY),
        "train2017": [number for number in range(photos) if number % DEV_EVERY],
    }
    (root / "annotations").mkdir()
    for folder, of_folder in numbers.items():
        (root / folder).mkdir()
        for number in of_folder:
            os.link(sources[number % DISTINCT], root / folder / file_name(number))
        content = {
            "info": {"description": "synthetic"},
            "images": [listed(number, folder) for number in of_folder],
            "annotations": [
                {"image_id": number, "id": CAPTIONS * number + turn, "caption": caption(chosen)}
                for number in of_folder
                for turn in range(CAPTIONS)
            ],
        }
        (root / "annotations" / f"captions_{folder}.json").write_text(json.dumps(content))


def draw_sources(folder: Path) -> list[Path]:
    """JPEG files of about 25 KB, as a photo of this size has."""
    folder.mkdir()
    paths = [folder / f"{number}.jpg" for number in range(DISTINCT)]
    for path in paths:
        Image.effect_noise((SIDE, SIDE), 40).convert("RGB").save(path, quality=80)
    return paths


def file_name(number: int) -> str:
    return f"{number:012}.jpg"


def listed(number: int, folder: str) -> dict[str, Any]:
    """A photo with all that COCO says of it."""
    return {
        "license": 3,
        "file_name": file_name(number),
        "coco_url": f"http://images.cocodataset.org/{folder}/{file_name(number)}",
        "height": SIDE,
        "width": SIDE,
        "date_captured": "2013-11-14 11:18:45",
        "flickr_url": f"http://farm9.staticflickr.com/8186/{number:010}_4e622c8349_z.jpg",
        "id": number,
    }


def caption(chosen: random.Random) -> str:
    return " ".join(chosen.choices(WORDS, k=WORDS_IN_A_CAPTION)).capitalize() + "."


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, nargs=2, default=[12_000, 120_000])
    few, many = map(measure, parser.parse_args(arguments).photos)
    grown = many["writing_mb"] - few["writing_mb"]
    figures = {
        "few": few,
        "many": many,
        "ratio": {step: round(many[step] / few[step], 2) for step in ("writing_mb", "reading_mb")},
        "writing_kb_a_photo": round(1024 * grown / (many["photos"] - few["photos"]), 2),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
