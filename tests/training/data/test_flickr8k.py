import json
from pathlib import Path

import pytest
from PIL import Image

from app.captioning.vocabulary import Vocabulary
from training.data import flickr8k, writing
from training.data.datasets import make, open_split
from training.data.tfrecord import DatasetError

ENGLISH = ["A brown dog runs .", "The dog runs .", "A dog on grass .", "A dog .", "Dog in a park ."]
CHINESE = ["一只狗在跑。", "狗在草地上。", "一只狗。", "狗在跑。", "一只棕色的狗。"]
TRAIN = ["11_a.jpg", "22_b.jpg", "33_c.jpg"]
DEV = ["44_d.jpg"]
TEST = ["55_e.jpg"]
NAMES = TRAIN + DEV + TEST


class Download:
    """A tiny Flickr8k in the layout of the original."""

    def __init__(self, root: Path):
        self.root = root
        self.images = root / "Flicker8k_Dataset"
        self.text = root / "Flickr8k_text"
        self.images.mkdir(parents=True)
        self.text.mkdir()
        for size, name in enumerate(NAMES, 64):
            Image.effect_noise((size, size), 50).convert("RGB").save(self.images / name)
        self.write_captions("en", "#", "\t", ENGLISH)
        self.write_captions("zh", "#zhc#", " ", CHINESE)
        self.write_captions("zh_translated", "#zhb#", " ", CHINESE)
        for split, names in {"train": TRAIN, "dev": DEV, "test": TEST}.items():
            self.list(split).write_text("".join(f"{name}\n" for name in names))

    def captions(self, language):
        return self.text / flickr8k.CAPTION_FILES[language]

    def list(self, split):
        return self.text / flickr8k.SPLIT_FILES[split]

    def write_captions(self, language, mark, space, sentences):
        lines = [
            f"{name}{mark}{number}{space}{sentence}\n"
            for name in NAMES
            for number, sentence in enumerate(sentences)
        ]
        self.captions(language).write_text("".join(lines), encoding="utf-8")

    def edit(self, path, old, new):
        before = path.read_text(encoding="utf-8")
        assert old in before
        path.write_text(before.replace(old, new), encoding="utf-8")

    def read(self):
        return flickr8k.read(self.root)

    def problems(self):
        return self.read()[1].as_json()["problems"]


@pytest.fixture
def download(tmp_path):
    return Download(tmp_path / "flickr8k")


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Reading


def test_a_whole_download_is_read_without_problems(download):
    splits, report = download.read()
    names = {split: [photo.file_name for photo in photos] for split, photos in splits.items()}
    assert names == {"train": TRAIN, "dev": DEV, "test": TEST}
    assert report.as_json() == {
        "photos": {"train": 3, "dev": 1, "test": 1},
        "captions": {"en": 25, "zh": 25, "zh_translated": 25},
        "problems": {},
    }


def test_a_photo_has_its_path_and_captions_in_each_language(download):
    photo = download.read()[0]["dev"][0]
    assert photo.path == download.images / "44_d.jpg"
    assert photo.captions == {
        "en": tuple(ENGLISH),
        "zh": tuple(CHINESE),
        "zh_translated": tuple(CHINESE),
    }


def test_photos_keep_the_order_of_the_list(download):
    download.list("train").write_text("".join(f"{name}\n" for name in reversed(TRAIN)))
    assert [photo.file_name for photo in download.read()[0]["train"]] == TRAIN[::-1]


def test_the_correctly_spelt_folder_is_accepted(download):
    download.images.rename(download.root / "Flickr8k_Dataset")
    assert len(download.read()[0]["train"]) == 3


def test_image_ids_are_unique_and_do_not_depend_on_the_other_photos(download):
    before = {
        photo.file_name: photo.image_id
        for photos in download.read()[0].values()
        for photo in photos
    }
    assert len(set(before.values())) == len(NAMES)
    (download.images / "11_a.jpg").unlink()
    after = {photo.file_name: photo.image_id for photo in download.read()[0]["train"]}
    assert after == {name: before[name] for name in ("22_b.jpg", "33_c.jpg")}


# Karpathy's split


def add_karpathys_file(download, splits):
    images = [
        {"filename": name, "split": splits[name], "sentences": [{"raw": f"{name} by Karpathy ."}]}
        for name in NAMES
    ]
    path = download.root / flickr8k.KARPATHYS_FILE
    path.write_text(json.dumps({"images": images, "dataset": "flickr8k"}))


SPLITS = dict(zip(NAMES, ("test", "train", "train", "train", "val"), strict=True))


def test_karpathys_file_takes_the_place_of_the_lists(download):
    add_karpathys_file(download, SPLITS)
    for split in flickr8k.SPLIT_FILES:
        download.list(split).unlink()
    splits, report = download.read()
    assert {split: [photo.file_name for photo in photos] for split, photos in splits.items()} == {
        "train": NAMES[1:4],
        "dev": NAMES[4:],
        "test": NAMES[:1],
    }
    assert splits["dev"][0].captions["en"] == tuple(ENGLISH)
    assert report.as_json()["problems"] == {}


def test_captions_are_karpathys_where_there_are_no_others(download):
    add_karpathys_file(download, SPLITS)
    for path in download.text.iterdir():
        path.unlink()
    download.text.rmdir()
    (photo,) = download.read()[0]["dev"]
    assert photo.captions == {"en": (f"{NAMES[4]} by Karpathy .",)}


# Problems, each reported by name


def test_a_photo_not_on_disk_is_reported_with_its_captions(download):
    (download.images / "22_b.jpg").unlink()
    splits, report = download.read()
    assert [photo.file_name for photo in splits["train"]] == ["11_a.jpg", "33_c.jpg"]
    problems = report.as_json()["problems"]
    assert problems["missing_photos"] == {"count": 1, "examples": ["22_b.jpg"]}
    assert problems["captions_without_photo"]["count"] == 15
    assert problems.keys() == {"missing_photos", "captions_without_photo"}


def test_captions_of_a_photo_in_no_list_and_not_on_disk_are_reported(download):
    append(download.captions("en"), b"66_f.jpg#0\tA cat .\n66_f.jpg#1\tA cat sits .\n")
    problems = download.problems()
    assert problems["missing_photos"] == {"count": 1, "examples": ["66_f.jpg"]}
    assert problems["captions_without_photo"]["count"] == 2


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) * 3 // 4], lambda data: b"", lambda data: b"?" * 99]
)
def test_a_broken_photo_is_reported_and_left_out(download, damage):
    path = download.images / "11_a.jpg"
    path.write_bytes(damage(path.read_bytes()))
    splits, report = download.read()
    assert [photo.file_name for photo in splits["train"]] == ["22_b.jpg", "33_c.jpg"]
    assert report.as_json()["problems"] == {"broken_photos": {"count": 1, "examples": ["11_a.jpg"]}}


def test_a_photo_without_captions_in_one_language_stays(download):
    lines = download.captions("zh").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("11_a.jpg")]
    download.captions("zh").write_text("".join(kept), encoding="utf-8")
    splits, report = download.read()
    assert splits["train"][0].captions.keys() == {"en", "zh_translated"}
    assert report.as_json()["problems"] == {
        "photos_without_captions": {"count": 1, "examples": ["11_a.jpg (zh)"]}
    }


def test_a_photo_without_any_caption_is_left_out(download):
    Image.new("RGB", (8, 8)).save(download.images / "66_f.jpg")
    append(download.list("train"), b"66_f.jpg\n")
    splits, report = download.read()
    assert len(splits["train"]) == 3
    assert report.as_json()["problems"]["photos_without_captions"]["count"] == 3


def test_a_name_known_nowhere_else_is_reported(download):
    append(download.list("dev"), b"no_such.jpg\n")
    problems = download.problems()
    assert problems["unknown_names"] == {"count": 1, "examples": ["no_such.jpg"]}


def test_a_photo_in_no_split_is_reported(download):
    download.list("dev").write_text("")
    assert download.problems()["unused_photos"] == {"count": 1, "examples": ["44_d.jpg"]}


def test_absent_files_are_reported_and_the_rest_is_used(download):
    download.list("test").unlink()
    download.captions("zh").unlink()
    splits, report = download.read()
    assert splits.keys() == {"train", "dev"}
    assert splits["train"][0].captions.keys() == {"en", "zh_translated"}
    assert report.as_json()["problems"]["missing_files"] == {
        "count": 2,
        "examples": ["flickr8kzhc.caption.txt", "Flickr_8k.testImages.txt"],
    }


@pytest.mark.parametrize("line", ["11_a.jpg A dog .", "#0\tA dog .", "11_a.jpg#x\tA dog ."])
def test_a_line_of_another_form_is_reported(download, line):
    append(download.captions("en"), f"{line}\n".encode())
    splits, report = download.read()
    assert splits["train"][0].captions["en"] == tuple(ENGLISH)
    assert report.as_json()["problems"] == {
        "unparsable_lines": {"count": 1, "examples": [f"Flickr8k.token.txt: {line}"]}
    }


@pytest.mark.parametrize("caption", ["", "   ", " ."])
def test_an_empty_caption_is_reported(download, caption):
    append(download.captions("en"), f"11_a.jpg#5\t{caption}\n".encode())
    splits, report = download.read()
    assert splits["train"][0].captions["en"] == tuple(ENGLISH)
    assert report.as_json()["problems"]["empty_captions"]["count"] == 1


def test_a_name_twice_in_a_list_counts_once(download):
    append(download.list("train"), b"11_a.jpg\n")
    splits, report = download.read()
    assert [photo.file_name for photo in splits["train"]] == TRAIN
    assert report.as_json()["problems"] == {
        "repeated_names": {"count": 1, "examples": ["11_a.jpg (train)"]}
    }


def test_a_photo_in_two_splits_stays_in_the_first(download):
    append(download.list("dev"), b"11_a.jpg\n")
    splits, report = download.read()
    assert [photo.file_name for photo in splits["dev"]] == DEV
    assert report.as_json()["problems"]["repeated_names"]["examples"] == ["11_a.jpg (dev)"]


def test_five_examples_are_kept_of_many(download):
    append(download.list("dev"), b"".join(b"%d_x.jpg\n" % number for number in range(9)))
    unknown = download.problems()["unknown_names"]
    assert unknown["count"] == 9
    assert unknown["examples"] == [f"{number}_x.jpg" for number in range(5)]


def test_the_report_reads_as_a_summary(download):
    download.list("test").unlink()
    assert str(download.read()[1]).splitlines() == [
        "photos: 3 train, 1 dev",
        "captions: 20 en, 20 zh, 20 zh_translated",
        "1 lists and caption files that are absent: Flickr_8k.testImages.txt",
        "1 photos on disk that are in no split: 55_e.jpg",
    ]


# Encodings


def recode(path, encoding, newline="\n"):
    text = path.read_text(encoding="utf-8").replace("\n", newline)
    path.write_bytes(text.encode(encoding))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(download, newline):
    for path in download.text.iterdir():
        recode(path, "utf-8-sig", newline)
    splits, report = download.read()
    assert splits["train"][0].captions["zh"] == tuple(CHINESE)
    assert splits["train"][0].captions["en"] == tuple(ENGLISH)
    assert report.as_json()["problems"] == {}


def test_a_chinese_file_in_gb18030_is_read_and_reported(download):
    recode(download.captions("zh"), "gb18030", "\r\n")
    splits, report = download.read()
    assert splits["train"][0].captions["zh"] == tuple(CHINESE)
    assert report.as_json()["problems"] == {
        "legacy_encodings": {"count": 1, "examples": ["flickr8kzhc.caption.txt (gb18030)"]}
    }


def test_an_english_file_in_latin_1_is_read_and_reported(download):
    download.edit(download.captions("en"), "brown dog", "dog in a café")
    recode(download.captions("en"), "latin-1")
    splits, report = download.read()
    assert splits["train"][0].captions["en"][0] == "A dog in a café runs ."
    assert report.as_json()["problems"]["legacy_encodings"]["examples"] == [
        "Flickr8k.token.txt (latin-1)"
    ]


def test_single_lines_that_are_not_utf8_are_skipped_and_reported(download):
    append(download.captions("zh"), b"11_a.jpg#zhc#5 \xff\xfe\xff\n")
    splits, report = download.read()
    assert splits["train"][0].captions["zh"] == tuple(CHINESE)
    assert report.as_json()["problems"] == {
        "undecodable_lines": {"count": 1, "examples": ["flickr8kzhc.caption.txt, line 26"]}
    }


# Nothing usable


def remove_all(folder):
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda d: remove_all(d.images), "no photo that is listed, captioned and whole"),
        (
            lambda d: [d.captions(language).unlink() for language in flickr8k.CAPTION_FILES],
            "no captions",
        ),
        (lambda d: [d.list(split).unlink() for split in flickr8k.SPLIT_FILES], "names no photo"),
    ],
)
def test_nothing_usable_is_an_error(download, break_it, sentence):
    break_it(download)
    with pytest.raises(DatasetError, match=sentence):
        download.read()


# Writing


def test_every_photo_is_written_with_its_captions(download, tmp_path):
    make(download.root, tmp_path / "out", shards=2)
    splits, _ = download.read()
    for split, photos in splits.items():
        expected = [photo.load() for photo in photos]
        assert list(open_split(tmp_path / "out", split)) == expected


def test_the_metadata_names_shards_counts_and_report(download, tmp_path):
    report = make(download.root, tmp_path / "out", shards=2)
    metadata = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert metadata["name"] == "flickr8k"
    assert metadata["report"] == report.as_json()
    train = metadata["splits"]["train"]
    assert train["photos"] == 3
    assert train["captions"] == {"en": 15, "zh": 15, "zh_translated": 15}
    assert list(train["shards"]) == [
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
    ]
    assert all(len(digest) == 64 for digest in train["shards"].values())


def test_vocabularies_hold_the_words_frequent_in_training_captions(download, tmp_path):
    # "zebra" comes five times, but never in training; "park" thrice, as there are three photos.
    download.edit(download.captions("en"), "44_d.jpg#0\tA brown", f"44_d.jpg#0\t{'zebra ' * 5}")
    make(download.root, tmp_path / "out")
    english = Vocabulary.load(tmp_path / "out" / "vocabulary_en.txt").words
    chinese = Vocabulary.load(tmp_path / "out" / "vocabulary_zh.txt").words
    assert english[3:] == ("dog", "a", "runs")
    assert chinese[3:] == ("狗", "一只", "在", "跑")


def test_a_language_without_captions_has_no_vocabulary(download, tmp_path):
    download.captions("zh").unlink()
    make(download.root, tmp_path / "out")
    assert not (tmp_path / "out" / "vocabulary_zh.txt").exists()
    assert (tmp_path / "out" / "vocabulary_en.txt").exists()


def test_two_runs_give_the_same_bytes(download, tmp_path):
    make(download.root, tmp_path / "one")
    make(download.root, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_older_dataset_is_replaced(download, tmp_path):
    make(download.root, tmp_path / "out", shards=3)
    make(download.root, tmp_path / "out", shards=1)
    assert len(list((tmp_path / "out").glob("train-*"))) == 1


def test_a_folder_with_anything_else_is_left_alone(download, tmp_path):
    for folder in ("out", "out.partial"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "thesis.txt").write_text("years of work")
        with pytest.raises(DatasetError, match=r"thesis\.txt, which is no part of a dataset"):
            make(download.root, tmp_path / "out")
        (tmp_path / folder / "thesis.txt").unlink()


def test_a_file_is_left_alone(download, tmp_path):
    (tmp_path / "out").write_text("years of work")
    with pytest.raises(DatasetError, match="is a file"):
        make(download.root, tmp_path / "out")


def test_an_interrupted_run_leaves_the_older_dataset(download, tmp_path, monkeypatch):
    make(download.root, tmp_path / "out")
    before = contents(tmp_path / "out")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_write_vocabulary", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(download.root, tmp_path / "out", shards=2)
    assert contents(tmp_path / "out") == before
    assert not (tmp_path / "out.partial").exists()


def test_what_a_killed_run_left_is_cleared_away(download, tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "train-00000-of-00008.tfrecord").write_bytes(b"half")
    make(download.root, tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_a_download_without_training_photos_is_not_written(download, tmp_path):
    download.list("train").unlink()
    with pytest.raises(DatasetError, match="no usable photo in the split 'train'"):
        make(download.root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Opening


def test_a_split_that_is_not_there_is_named(download, tmp_path):
    download.list("test").unlink()
    make(download.root, tmp_path / "out")
    with pytest.raises(DatasetError, match="no split 'test', only: train, dev"):
        open_split(tmp_path / "out", "test")


def test_any_other_folder_is_refused(download):
    with pytest.raises(DatasetError, match="flickr8k is no dataset.* see docs/datasets.md"):
        open_split(download.root, "train")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "a", "splits": {"train": {}}}'])
def test_damaged_metadata_is_refused(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match="does not describe a dataset"):
        open_split(tmp_path, "train")


def test_a_shard_cut_between_records_is_noticed(download, tmp_path):
    make(download.root, tmp_path / "out", shards=3)
    (tmp_path / "out" / "train-00002-of-00003.tfrecord").write_bytes(b"")
    with pytest.raises(DatasetError, match="gave 2 photos where 3 were written"):
        list(open_split(tmp_path / "out", "train"))
