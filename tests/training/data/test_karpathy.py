import json

import pytest

from training.data import karpathy
from training.data.downloads import Report
from training.data.tfrecord import DatasetError


def image(name, split, *captions):
    """An image as the files of Flickr30k have it."""
    sentences = [
        {"tokens": caption.split(), "raw": caption, "imgid": 0, "sentid": number}
        for number, caption in enumerate(captions)
    ]
    return {
        "sentids": list(range(len(captions))),
        "imgid": 0,
        "sentences": sentences,
        "split": split,
        "filename": name,
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dataset_flickr30k.json"


@pytest.fixture
def read(path):
    def read_images(*images):
        path.write_text(json.dumps({"images": images, "dataset": "flickr30k"}), encoding="utf-8")
        return karpathy.read(path, Report("flickr30k"))

    return read_images


def test_his_splits_become_train_dev_and_test(read):
    listing = read(
        image("4.jpg", "test"),
        image("3.jpg", "val"),
        image("2.jpg", "restval"),
        image("1.jpg", "train"),
    )
    assert listing.lists == {"train": ["2.jpg", "1.jpg"], "dev": ["3.jpg"], "test": ["4.jpg"]}


def test_captions_are_as_people_wrote_them(read):
    listing = read(
        image("1.jpg", "train", "Two men, in a café. ", "A man"), image("2.jpg", "val", "A")
    )
    assert listing.captions == {"en": {"1.jpg": ["Two men, in a café.", "A man"], "2.jpg": ["A"]}}


def test_a_photo_that_comes_twice_counts_once(read):
    listing = read(image("1.jpg", "train", "One."), image("1.jpg", "test", "Two."))
    assert listing.lists == {"train": ["1.jpg"], "dev": [], "test": []}
    assert listing.captions == {"en": {"1.jpg": ["One."]}}
    assert listing.report.problems["repeated_names"].examples == ["1.jpg (test)"]


def test_a_caption_without_words_is_reported(read):
    listing = read(image("1.jpg", "train", " .", "One."))
    assert listing.captions == {"en": {"1.jpg": ["One."]}}
    assert listing.report.problems["empty_captions"].examples == ["dataset_flickr30k.json: 1.jpg ."]


def test_another_split_is_refused(read):
    with pytest.raises(
        DatasetError,
        match=r"dataset_flickr30k\.json has 1\.jpg in the split 'extra', which is none",
    ):
        read(image("1.jpg", "extra"))


def test_an_absent_file_is_an_error_that_says_where_it_is_to_be_had(path):
    with pytest.raises(
        DatasetError, match=r"has no dataset_flickr30k\.json.*caption_datasets\.zip"
    ):
        karpathy.read(path, Report("flickr30k"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"images": [{"filename": "1.jpg", "split": "train"}]}',
        '{"images": [{"filename": "1.jpg", "split": "train", "sentences": ["A dog."]}]}',
        '{"images": [{"filename": "1.jpg", "split": "train", "sentences": [{"raw": null}]}]}',
        '{"images": [{"filename": "1.jpg", "sentences": []}]}',
        '{"images": [{"filename": "1.jpg", "split": "tr',
    ],
)
def test_a_file_in_another_layout_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(DatasetError, match="is not in the layout of Karpathy's splits.*again"):
        karpathy.read(path, Report("flickr30k"))


def test_a_file_that_is_no_text_is_refused(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="is not in the layout of Karpathy's splits"):
        karpathy.read(path, Report("flickr30k"))
