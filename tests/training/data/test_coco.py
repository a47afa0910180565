import json
from pathlib import Path

import pytest
from PIL import Image

from app.captioning.vocabulary import Vocabulary
from training.data import coco, flickr8k
from training.data.datasets import make, open_split
from training.data.tfrecord import DatasetError

CAPTIONS = ["A brown dog runs.", "the dog runs", "A dog on grass", "A dog.", "Dog in a park."]
NAMES = [f"{number}.jpg" for number in range(7)]


class Download:
    """A tiny download in COCO's layout, whose photos are not listed in the order of their names."""

    def __init__(self, root: Path):
        self.root = root
        self.images = root / "images"
        self.captions = root / "annotations" / "captions.json"
        self.images.mkdir(parents=True)
        self.captions.parent.mkdir()
        self.content = {"info": {"description": "tiny"}, "images": [], "annotations": []}
        for number, name in reversed(list(enumerate(NAMES))):
            Image.effect_noise((64 + number, 64), 50).convert("RGB").save(self.images / name)
            self.list_photo(100 + number, name)
            for caption in CAPTIONS:
                self.add_caption(100 + number, caption)
        self.save()

    def list_photo(self, number, name):
        self.content["images"].append({"id": number, "file_name": name, "width": 64})

    def add_caption(self, number, caption):
        self.content["annotations"].append({"id": 1, "image_id": number, "caption": caption})

    def save(self):
        self.captions.write_text(json.dumps(self.content), encoding="utf-8")

    def add_chinese(self, captions, description="tiny, by a model"):
        """The Chinese captions of each photo, by the number in its name."""
        content = {"info": {"description": description}}
        content["images"] = [
            {"id": 7000 + number, "file_name": f"{number}.jpg"} for number in captions
        ]
        content["annotations"] = [
            {"image_id": 7000 + number, "caption": caption}
            for number, written in captions.items()
            for caption in written
        ]
        path = self.captions.with_name("captions_zh.json")
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    def split(self, **numbers):
        lists = {split: [f"{number}.jpg" for number in of] for split, of in numbers.items()}
        (self.root / "splits.json").write_text(json.dumps(lists))

    def read(self):
        self.save()
        return coco.read(self.root)

    def problems(self):
        return self.read()[1].as_json()["problems"]


@pytest.fixture
def download(tmp_path):
    return Download(tmp_path / "download")


def names(splits):
    return {split: [photo.file_name for photo in photos] for split, photos in splits.items()}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Reading


def test_every_photo_is_for_training_in_the_order_of_file_names(download):
    splits, report = download.read()
    assert names(splits) == {"train": NAMES}
    assert report.as_json() == {"photos": {"train": 7}, "captions": {"en": 35}, "problems": {}}


def test_a_photo_has_its_own_captions_in_english(download):
    download.add_caption(103, " The third one.\n")
    photo = download.read()[0]["train"][3]
    assert photo.path == download.images / "3.jpg"
    assert photo.captions == {"en": (*CAPTIONS, "The third one.")}


# splits.json


def test_splits_are_those_of_splits_json_in_its_order(download):
    download.split(train=[5, 1, 2, 0], dev=[6, 3], test=[4])
    splits, report = download.read()
    assert names(splits) == {
        "train": ["5.jpg", "1.jpg", "2.jpg", "0.jpg"],
        "dev": ["6.jpg", "3.jpg"],
        "test": ["4.jpg"],
    }
    assert report.as_json()["problems"] == {}


def test_photos_that_splits_json_leaves_out_and_names_that_it_alone_has_are_reported(download):
    download.split(train=[0, 1, 2, 9], dev=[3, 4])
    splits, report = download.read()
    assert names(splits) == {"train": NAMES[:3], "dev": NAMES[3:5]}
    assert report.as_json()["problems"] == {
        "missing_photos": {"count": 1, "examples": ["9.jpg"]},
        "unknown_names": {"count": 1, "examples": ["9.jpg"]},
        "unused_photos": {"count": 2, "examples": ["5.jpg", "6.jpg"]},
    }


def test_a_split_that_there_is_not_is_named(download):
    download.split(train=[0, 1, 2], val=[3, 4])
    with pytest.raises(DatasetError, match="has a split 'val'; there are only train, dev, test"):
        download.read()


def test_a_photo_in_two_lists_stays_in_the_first(download):
    download.split(train=range(6), dev=[6, 0])
    splits, report = download.read()
    assert names(splits) == {"train": NAMES[:6], "dev": NAMES[6:]}
    assert report.as_json()["problems"] == {
        "repeated_names": {"count": 1, "examples": ["0.jpg (dev)"]}
    }


@pytest.mark.parametrize("text", ["", "[]", '{"train": 7}', '{"train": ["0.jpg"'])
def test_splits_in_another_layout_are_refused(download, text):
    (download.root / "splits.json").write_text(text)
    with pytest.raises(DatasetError, match=r"splits\.json is not in the layout of splits"):
        download.read()


# Chinese


def test_chinese_captions_lie_beside_the_english_ones(download):
    chinese = {number: (f"一只狗{number}。", "狗。") for number in range(7)}
    download.add_chinese(chinese)
    splits, report = download.read()
    assert names(splits) == {"train": NAMES}
    assert splits["train"][3].captions == {"en": tuple(CAPTIONS), "zh": chinese[3]}
    assert report.as_json() == {
        "photos": {"train": 7},
        "captions": {"en": 35, "zh": 14},
        "problems": {},
    }


def test_photos_may_lack_chinese_captions_or_english_ones(download):
    Image.new("RGB", (8, 8)).save(download.images / "7.jpg")
    download.add_chinese({2: ["一只狗。"], 7: ["一个黑色的方块。"]})
    download.split(train=[1, 2, 7], dev=[0, 3, 4, 5, 6])
    splits, report = download.read()
    languages = [sorted(photo.captions) for photo in splits["train"]]
    assert languages == [["en"], ["en", "zh"], ["zh"]]
    problems = report.as_json()["problems"]
    assert problems.keys() == {"photos_without_captions"}
    assert problems["photos_without_captions"]["examples"][0] == "7.jpg (en)"


def test_a_photo_twice_in_the_chinese_file_counts_once(download):
    download.add_chinese({2: ["一只狗。"]})
    path = download.captions.with_name("captions_zh.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["images"].append({"id": 1, "file_name": "2.jpg"})
    path.write_text(json.dumps(content), encoding="utf-8")
    assert download.problems()["repeated_names"] == {"count": 1, "examples": ["2.jpg (train)"]}


def test_a_broken_chinese_file_is_refused(download):
    download.captions.with_name("captions_zh.json").write_text("{")
    with pytest.raises(DatasetError, match=r"captions_zh\.json is not in the layout"):
        download.read()


# Problems, each reported by name


def test_a_photo_not_on_disk_is_reported_with_its_captions(download):
    (download.images / "2.jpg").unlink()
    assert download.problems() == {
        "missing_photos": {"count": 1, "examples": ["2.jpg"]},
        "captions_without_photo": {"count": 5, "examples": ["2.jpg (en)"] * 5},
    }


def test_a_broken_photo_is_reported_and_left_out(download):
    (download.images / "2.jpg").write_bytes(b"no photo")
    splits, report = download.read()
    assert "2.jpg" not in names(splits)["train"]
    assert report.as_json()["problems"] == {"broken_photos": {"count": 1, "examples": ["2.jpg"]}}


def test_a_photo_without_captions_is_reported_and_left_out(download):
    content = download.content
    content["annotations"] = [one for one in content["annotations"] if one["image_id"] != 102]
    splits, report = download.read()
    assert "2.jpg" not in names(splits)["train"]
    assert report.as_json()["problems"] == {
        "photos_without_captions": {"count": 1, "examples": ["2.jpg (en)"]}
    }


def test_a_photo_that_is_not_listed_is_reported(download):
    Image.new("RGB", (8, 8)).save(download.images / "stray.jpg")
    assert download.problems()["unused_photos"] == {"count": 1, "examples": ["stray.jpg"]}


def test_a_photo_outside_the_folder_is_not_read(download):
    Image.new("RGB", (8, 8)).save(download.root / "outside.jpg")
    download.list_photo(1, "../outside.jpg")
    download.add_caption(1, "A black square.")
    splits, report = download.read()
    assert names(splits) == {"train": NAMES}
    assert report.as_json()["problems"]["missing_photos"]["examples"] == ["../outside.jpg"]


def test_a_caption_of_an_unknown_photo_is_reported(download):
    download.add_caption(9, "A cat.")
    assert download.problems() == {
        "captions_without_photo": {"count": 1, "examples": ["captions.json: image_id 9"]}
    }


@pytest.mark.parametrize("caption", ["", " \n", " ."])
def test_an_empty_caption_is_reported(download, caption):
    download.add_caption(102, caption)
    splits, report = download.read()
    assert splits["train"][2].captions["en"] == tuple(CAPTIONS)
    assert report.as_json()["problems"]["empty_captions"]["count"] == 1


@pytest.mark.parametrize(("number", "name"), [(102, "new.jpg"), (999, "2.jpg")])
def test_an_id_or_a_name_that_comes_twice_counts_once(download, number, name):
    download.list_photo(number, name)
    splits, report = download.read()
    assert names(splits) == {"train": NAMES}
    assert report.as_json()["problems"] == {
        "repeated_names": {"count": 1, "examples": [f"{name} (train)"]}
    }


# The layouts of 2014 and 2017


class Years:
    """A tiny COCO of one year, with two photos in val for each three in train."""

    def __init__(self, root: Path, year: int):
        self.root, self.year = root, year
        prefixes = {2014: "COCO_{}2014_", 2017: ""}
        self.names = {
            split: [f"{prefixes[year].format(split)}{number:012}.jpg" for number in numbers]
            for split, numbers in {"train": (9, 25, 30), "val": (42, 73)}.items()
        }
        (root / "annotations").mkdir(parents=True)
        for split, names in self.names.items():
            self.images(split).mkdir()
            self.draw(split, names)

    def images(self, split):
        return self.root / f"{split}{self.year}"

    def captions(self, split):
        return self.root / "annotations" / f"captions_{split}{self.year}.json"

    def draw(self, split, names):
        content = {"info": {"description": f"COCO {self.year} Dataset"}, "licenses": [{"id": 3}]}
        content["images"] = [
            {"license": 3, "file_name": name, "height": 8, "id": int(name[-16:-4])}
            for name in reversed(names)
        ]
        content["annotations"] = [
            {"image_id": int(name[-16:-4]), "id": 1, "caption": caption}
            for caption in CAPTIONS
            for name in names
        ]
        for name in names:
            Image.new("RGB", (8, 8)).save(self.images(split) / name)
        self.captions(split).write_text(json.dumps(content))

    def add_karpathys_file(self, splits):
        """With the split of each photo, and captions of its own."""
        images = [
            {
                "filepath": f"{folder}{self.year}",
                "filename": name,
                "split": splits[name],
                "cocoid": int(name[-16:-4]),
                "sentences": [{"raw": f"{name} by Karpathy. ", "tokens": ["a"], "sentid": 1}],
            }
            for folder in ("val", "train")
            for name in self.names[folder]
        ]
        path = self.root / coco.KARPATHYS_FILE
        path.write_text(json.dumps({"images": images, "dataset": "coco"}))
        return path


@pytest.fixture(params=[2014, 2017])
def year(request, tmp_path):
    return Years(tmp_path / "coco", request.param)


@pytest.fixture
def year_2014(tmp_path):
    return Years(tmp_path / "coco", 2014)


def restval(year):
    """A split of Karpathy's with a photo in each of his four."""
    (a, b, c), (d, e) = year.names["train"], year.names["val"]
    return {a: "train", b: "val", c: "test", d: "train", e: "restval"}


def test_train_is_for_training_and_val_is_dev(year):
    splits, report = coco.read(year.root)
    assert names(splits) == {"train": year.names["train"], "dev": year.names["val"]}
    assert report.as_json() == {
        "photos": {"train": 3, "dev": 2},
        "captions": {"en": 25},
        "problems": {},
    }
    assert report.name == "coco"
    assert report.descriptions == {"en": f"COCO {year.year} Dataset"}


def test_photos_lie_in_the_folder_of_their_split(year):
    photo = coco.read(year.root)[0]["dev"][1]
    assert photo.path == year.images("val") / year.names["val"][1]
    assert photo.captions == {"en": tuple(CAPTIONS)}


def test_karpathys_file_decides_the_splits(year_2014):
    (a, b, c), (d, e) = year_2014.names["train"], year_2014.names["val"]
    year_2014.add_karpathys_file(restval(year_2014))
    splits, report = coco.read(year_2014.root)
    assert names(splits) == {"train": [d, e, a], "dev": [b], "test": [c]}
    assert splits["train"][1].path == year_2014.images("val") / e
    assert report.as_json()["problems"] == {}


def test_karpathys_file_has_the_captions(year_2014):
    year_2014.add_karpathys_file(restval(year_2014))
    year_2014.captions("train").unlink()
    year_2014.captions("val").unlink()
    photo = coco.read(year_2014.root)[0]["dev"][0]
    assert photo.captions == {"en": (f"{photo.file_name} by Karpathy.",)}


@pytest.mark.parametrize("karpathy", [False, True])
def test_both_folders_are_written(year_2014, tmp_path, karpathy):
    if karpathy:
        year_2014.add_karpathys_file(restval(year_2014))
    make(year_2014.root, tmp_path / "out", shards=2)
    splits, _ = coco.read(year_2014.root)
    for split, photos in splits.items():
        assert list(open_split(tmp_path / "out", split)) == [photo.load() for photo in photos]


def test_a_caption_of_a_photo_in_the_other_file_is_reported(year):
    train, val = (json.loads(year.captions(split).read_text()) for split in ("train", "val"))
    val["annotations"].append(train["annotations"][0])
    year.captions("val").write_text(json.dumps(val))
    splits, report = coco.read(year.root)
    assert splits["train"][0].captions["en"] == tuple(CAPTIONS)
    assert report.as_json()["problems"] == {
        "captions_without_photo": {
            "count": 1,
            "examples": [f"captions_val{year.year}.json: image_id 9"],
        }
    }


def test_a_photo_in_both_files_stays_in_train(year):
    again = year.names["train"][0]
    year.draw("val", [again, *year.names["val"]])
    splits, report = coco.read(year.root)
    assert names(splits) == {"train": year.names["train"], "dev": year.names["val"]}
    assert report.as_json()["problems"]["repeated_names"]["examples"] == [f"{again} (dev)"]


def test_splits_json_decides_there_too(year):
    (a, b, c), (d, e) = year.names["train"], year.names["val"]
    (year.root / coco.SPLITS_FILE).write_text(json.dumps({"train": [d, a], "dev": [b, e, c]}))
    assert names(coco.read(year.root)[0]) == {"train": [d, a], "dev": [b, e, c]}


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda y: y.captions("val").unlink(), r"has no annotations/captions_val\d+\.json"),
        (
            lambda y: y.captions("val").write_text("{"),
            r"captions_val\d+\.json is not in the layout",
        ),
        (lambda y: y.images("train").rename(y.root / "away"), r"train\d+ is not a folder: unpack"),
        (
            lambda y: (y.root / "images").mkdir(),
            r"several downloads: train\d+ and val\d+; images\. Give each",
        ),
    ],
)
def test_an_incomplete_layout_is_an_error(year, break_it, sentence):
    break_it(year)
    with pytest.raises(DatasetError, match=sentence):
        coco.read(year.root)


def test_karpathys_file_needs_the_photos_of_2014(tmp_path):
    year = Years(tmp_path / "coco", 2017)
    year.add_karpathys_file(restval(year))
    with pytest.raises(DatasetError, match="train2014 is not a folder"):
        coco.read(year.root)


def test_beside_karpathys_file_another_year_may_lie(year_2014):
    Years(year_2014.root.with_name("other"), 2017).images("val").rename(year_2014.root / "val2017")
    with pytest.raises(DatasetError, match="several downloads"):
        coco.read(year_2014.root)
    year_2014.add_karpathys_file(restval(year_2014))
    assert coco.read(year_2014.root)[1].photos == {"train": 3, "dev": 1, "test": 1}


# Nothing usable


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda d: d.captions.unlink(), r"has no annotations/captions\.json"),
        (
            lambda d: [path.write_bytes(b"") for path in d.images.iterdir()],
            "no photo that is listed, captioned and whole",
        ),
        (lambda d: d.captions.write_text('{"images": [], "annotations": []}'), "has no captions"),
    ],
)
def test_nothing_usable_is_an_error(download, break_it, sentence):
    break_it(download)
    with pytest.raises(DatasetError, match=sentence):
        coco.read(download.root)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"images": [{"id": 1}], "annotations": []}',
        '{"images": [], "annotations": [{"image_id": 1, "caption": null}]}',
        '{"images": [], "annotations": [{"image_id": null, "caption": "A dog."}]}',
    ],
)
def test_a_file_in_another_layout_is_refused(download, text):
    download.captions.write_text(text)
    with pytest.raises(DatasetError, match="is not in the layout of COCO captions"):
        coco.read(download.root)


# Writing


def test_every_photo_is_written_with_its_captions(download, tmp_path):
    download.split(train=[1, 2, 4, 5], dev=[0, 3, 6])
    make(download.root, tmp_path / "out", shards=2)
    splits, _ = download.read()
    for split, photos in splits.items():
        assert list(open_split(tmp_path / "out", split)) == [photo.load() for photo in photos]


def test_ids_are_by_file_name_as_in_flickr8k(download, tmp_path):
    text = tmp_path / "flickr8k" / flickr8k.TEXT_FOLDER
    text.mkdir(parents=True)
    download.images.rename(text.with_name(flickr8k.PHOTO_FOLDERS[0]))
    (text / flickr8k.CAPTION_FILES["en"]).write_text("2.jpg#0\tA dog .\n")
    (text / flickr8k.SPLIT_FILES["train"]).write_text("2.jpg\n")
    theirs = flickr8k.read(text.parent)[0]["train"][0]
    text.with_name(flickr8k.PHOTO_FOLDERS[0]).rename(download.images)
    assert download.read()[0]["train"][2].image_id == theirs.image_id


def test_the_metadata_names_shards_counts_and_report(download, tmp_path):
    download.add_chinese({number: ["一只狗。"] for number in range(7)})
    report = make(download.root, tmp_path / "out", shards=2)
    metadata = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert metadata["name"] == "download"
    assert metadata["descriptions"] == {"en": "tiny", "zh": "tiny, by a model"}
    assert metadata["report"] == report.as_json()
    assert metadata["splits"].keys() == {"train"}
    assert metadata["splits"]["train"]["photos"] == 7
    assert metadata["splits"]["train"]["captions"] == {"en": 35, "zh": 7}
    assert len(metadata["splits"]["train"]["shards"]) == 2


def test_a_download_may_say_nothing_of_its_captions(download):
    del download.content["info"]
    assert download.read()[1].descriptions == {}


def test_the_vocabulary_holds_the_words_frequent_in_training_captions(download, tmp_path):
    # "zebra" comes five times, but in dev.
    download.add_caption(100, "zebra " * 5)
    download.split(train=[1, 3, 5], dev=[0, 2, 4, 6])
    download.save()
    make(download.root, tmp_path / "out")
    vocabulary = Vocabulary.load(tmp_path / "out" / "vocabulary_en.txt")
    assert vocabulary.words[3:] == ("dog", "a", "runs")
    assert not (tmp_path / "out" / "vocabulary_zh.txt").exists()


def test_two_runs_give_the_same_bytes(download, tmp_path):
    download.add_chinese({2: ["一只狗。"]})
    for folder in ("one", "two"):
        make(download.root, tmp_path / folder)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_without_splits_json_there_is_no_dev(download, tmp_path):
    make(download.root, tmp_path / "out")
    with pytest.raises(DatasetError, match="no split 'dev', only: train"):
        open_split(tmp_path / "out", "dev")


def test_a_download_without_training_photos_is_not_written(download, tmp_path):
    download.split(train=[], dev=range(7))
    with pytest.raises(DatasetError, match="no usable photo in the split 'train'"):
        make(download.root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
