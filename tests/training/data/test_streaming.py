"""Photos go by one at a time. `benchmarks.streaming` measures the same with 120,000 of them."""

import json
import os
import tracemalloc

import pytest
from PIL import Image

from training.data.datasets import make, open_split

FEW, MANY = 4, 24
A_FEW_PHOTOS = 3


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A photo of some 300 KB, beside which its captions and names do not count."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    Image.effect_noise((800, 800), 90).convert("RGB").save(path, quality=90)
    return path


@pytest.fixture(scope="module")
def downloads(photo, tmp_path_factory):
    return {
        count: draw_download(tmp_path_factory.mktemp("download"), photo, f"{count}", count)
        for count in (FEW, MANY)
    }


@pytest.fixture(scope="module")
def datasets(downloads, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    for count, root in downloads.items():
        make(root, folder / str(count), shards=2)
    return {count: folder / str(count) for count in downloads}


def draw_download(root, photo, prefix, count):
    names = [f"{prefix}_{number}.jpg" for number in range(count)]
    (root / "images").mkdir()
    for name in names:
        os.link(photo, root / "images" / name)
    content = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [{"image_id": number, "caption": "A dog."} for number in range(count)],
    }
    (root / "annotations").mkdir()
    (root / "annotations" / "captions.json").write_text(json.dumps(content))
    return root


def peak(action, *arguments):
    tracemalloc.start()
    try:
        action(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def read_through(folder):
    for example in open_split(folder, "train"):
        assert example.photo


def test_writing_holds_no_more_photos_of_a_larger_download(downloads, datasets, photo, tmp_path):
    few, many = (peak(make, downloads[n], tmp_path / f"{n}", 2) for n in (FEW, MANY))
    assert many - few < A_FEW_PHOTOS * photo.stat().st_size


def test_reading_holds_no_more_photos_of_a_larger_dataset(datasets, photo):
    few, many = (peak(read_through, datasets[count]) for count in (FEW, MANY))
    assert many - few < A_FEW_PHOTOS * photo.stat().st_size
