import json
from pathlib import Path

import pytest
from PIL import Image

from training.data import flickr30k
from training.data.datasets import make, open_split
from training.data.tfrecord import DatasetError

CAPTIONS = [
    "Two young guys , hands .",
    "Two men .",
    "A man in a shirt .",
    "A man .",
    "Two friends .",
]
SPLITS = {
    "1000092795.jpg": "train",
    "10002456.jpg": "train",
    "1000268201.jpg": "val",
    "1000344755.jpg": "test",
}
NAMES = list(SPLITS)


class Download:
    """A tiny Flickr30k in the layout of the originals."""

    def __init__(self, root: Path):
        self.root = root
        self.images = root / "flickr30k-images"
        self.captions = root / "results_20130124.token"
        self.split = root / "dataset_flickr30k.json"
        self.images.mkdir(parents=True)
        for size, name in enumerate(NAMES, 8):
            Image.new("RGB", (size, size)).save(self.images / name)
        lines = [
            f"{name}#{turn}\t{caption}\n" for name in NAMES for turn, caption in enumerate(CAPTIONS)
        ]
        self.captions.write_text("".join(lines), encoding="utf-8")
        self.write_split(SPLITS)

    def write_split(self, splits):
        images = [
            {
                "sentids": [0],
                "imgid": number,
                "sentences": [{"tokens": ["a"], "raw": f"{name} by Karpathy.", "sentid": 0}],
                "split": split,
                "filename": name,
            }
            for number, (name, split) in enumerate(splits.items())
        ]
        self.split.write_text(json.dumps({"images": images, "dataset": "flickr30k"}))

    def add_line(self, line):
        with self.captions.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def problems(self):
        return flickr30k.read(self.root)[1].as_json()["problems"]


@pytest.fixture
def download(tmp_path):
    return Download(tmp_path / "flickr30k")


def names(splits):
    return {split: [photo.file_name for photo in photos] for split, photos in splits.items()}


# Reading


def test_a_whole_download_is_read_without_problems(download):
    splits, report = flickr30k.read(download.root)
    assert names(splits) == {"train": NAMES[:2], "dev": [NAMES[2]], "test": [NAMES[3]]}
    assert splits["dev"][0].path == download.images / NAMES[2]
    assert splits["dev"][0].captions == {"en": tuple(CAPTIONS)}
    assert report.as_json() == {
        "photos": {"train": 2, "dev": 1, "test": 1},
        "captions": {"en": 20},
        "problems": {},
    }


def test_the_folder_with_an_underscore_is_accepted(download):
    download.images.rename(download.root / "flickr30k_images")
    assert len(flickr30k.read(download.root)[0]["train"]) == 2


def test_captions_are_karpathys_where_the_token_file_is_absent(download):
    download.captions.unlink()
    splits, report = flickr30k.read(download.root)
    assert splits["dev"][0].captions == {"en": (f"{NAMES[2]} by Karpathy.",)}
    assert report.as_json()["problems"] == {
        "missing_files": {"count": 1, "examples": ["results_20130124.token"]}
    }


# Problems, each reported by name


def test_a_photo_not_on_disk_is_reported(download):
    (download.images / NAMES[0]).unlink()
    assert download.problems() == {
        "missing_photos": {"count": 1, "examples": [NAMES[0]]},
        "captions_without_photo": {"count": 5, "examples": [f"{NAMES[0]} (en)"] * 5},
    }


def test_a_caption_of_an_unknown_photo_is_reported(download):
    download.add_line("1.jpg#0\tA dog .")
    assert download.problems()["captions_without_photo"]["examples"] == ["1.jpg (en)"]


def test_a_line_of_another_form_is_reported(download):
    download.add_line("1.jpg A dog .")
    assert download.problems() == {
        "unparsable_lines": {
            "count": 1,
            "examples": ["results_20130124.token: 1.jpg A dog ."],
        }
    }


def test_a_photo_that_karpathy_left_out_is_reported(download):
    download.write_split({name: split for name, split in SPLITS.items() if name != NAMES[1]})
    assert download.problems() == {"unused_photos": {"count": 1, "examples": [NAMES[1]]}}


# Nothing usable


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda d: d.split.unlink(), r"has no dataset_flickr30k\.json"),
        (lambda d: d.split.write_text("{"), r"dataset_flickr30k\.json is not in the layout"),
        (lambda d: d.write_split({NAMES[0]: "extra"}), "in the split 'extra'"),
        (lambda d: (d.captions.unlink(), d.write_split({})), "has no captions"),
    ],
)
def test_nothing_usable_is_an_error(download, break_it, sentence):
    break_it(download)
    with pytest.raises(DatasetError, match=sentence):
        flickr30k.read(download.root)


# Writing


def test_every_photo_is_written_with_its_captions(download, tmp_path):
    report = make(download.root, tmp_path / "out", shards=2)
    assert f"{report}" == "photos: 2 train, 1 dev, 1 test\ncaptions: 20 en"
    splits, _ = flickr30k.read(download.root)
    for split, photos in splits.items():
        assert list(open_split(tmp_path / "out", split)) == [photo.load() for photo in photos]
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["name"] == "flickr30k"
