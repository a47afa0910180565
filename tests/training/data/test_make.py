"""Which download a folder holds; what is made of each is in the tests of its module."""

import pytest

from training.data.datasets import DatasetError, check_distinct, make

FOLDERS = {
    "flickr8k": ["Flicker8k_Dataset"],
    "flickr30k": ["flickr30k-images"],
    "coco 2014": ["train2014", "val2014"],
    "coco 2017": ["train2017", "val2017"],
    "pascal": ["images"],
}
COMPLAINTS = {
    "flickr8k": "Flickr8k_text names no photo of any split",
    "flickr30k": r"no dataset_flickr30k\.json",
    "coco 2014": r"no annotations/captions_train2014\.json",
    "coco 2017": r"no annotations/captions_train2017\.json",
    "pascal": r"no annotations/captions\.json",
}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "download"
    folder.mkdir()
    return folder


def unpack(root, download):
    for folder in FOLDERS[download]:
        (root / folder).mkdir()


@pytest.mark.parametrize("download", FOLDERS)
def test_the_folder_of_photos_says_which_download_it_is(root, tmp_path, download):
    unpack(root, download)
    with pytest.raises(DatasetError, match=COMPLAINTS[download]):
        make(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("flickr8k", "flickr30k"),
        ("flickr8k", "pascal"),
        ("flickr30k", "coco 2014"),
        ("coco 2014", "coco 2017"),
        ("coco 2017", "pascal"),
    ],
)
def test_several_downloads_in_a_folder_are_refused(root, tmp_path, first, second):
    unpack(root, first)
    unpack(root, second)
    folders = rf"{FOLDERS[first][0]}.*{FOLDERS[second][0]}"
    with pytest.raises(DatasetError, match=rf"several downloads: .*{folders}.* Give each a folder"):
        make(root, tmp_path / "out")


def test_a_folder_without_photos_is_refused(root, tmp_path):
    # The files of all three are in one archive.
    for name in ("dataset_flickr8k.json", "dataset_flickr30k.json", "dataset_coco.json"):
        (root / name).write_text("{}")
    with pytest.raises(DatasetError, match="no folder of photos: none of Flicker8k_Dataset, .*ima"):
        make(root, tmp_path / "out")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="gone is not a folder"):
        make(tmp_path / "gone", tmp_path / "out")


# Several datasets in one training


def test_different_photos_are_distinct():
    check_distinct({"a (train)": ["1.jpg", "2.jpg"], "b (train)": ["3.jpg"], "a (dev)": ["4.jpg"]})


@pytest.mark.parametrize("place", ["b (train)", "b (dev)", "a (dev)"])
def test_a_photo_in_two_places_is_named_with_both(place):
    with pytest.raises(DatasetError, match=r"2\.jpg is in a \(train\) and in ") as raised:
        check_distinct({"a (train)": ["1.jpg", "2.jpg"], place: ["3.jpg", "2.jpg"]})
    assert place in str(raised.value)
