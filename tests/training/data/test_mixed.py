import json
from pathlib import Path

import pytest

from app.captioning.vocabulary import Vocabulary
from training.data import mixed, open_split
from training.data.tfrecord import DatasetError, Example
from training.data.writing import Split, new_dataset, write_metadata, write_splits


def write_dataset(folder: Path, captions: dict, **splits: list[str]) -> Path:
    """A dataset called like its folder, whose photos all have the same captions."""
    with new_dataset(folder) as new:
        written = write_splits(
            {split: Split(len(names), photos(names, captions)) for split, names in splits.items()},
            new,
            shards=2,
        )
        write_metadata(new, {"name": folder.name, "splits": written})
    return folder


def photos(names, captions):
    return [Example(name, int(name[1:]), name.encode(), captions) for name in names]


@pytest.fixture
def first(tmp_path):
    return write_dataset(
        tmp_path / "first",
        {"en": ("a dog", "the dog"), "zh": ("一只狗",)},
        train=["a3", "a1", "a2"],
        dev=["a4"],
        test=["a5", "a6"],
    )


@pytest.fixture
def second(tmp_path):
    return write_dataset(tmp_path / "second", {"en": ("a cat",)}, train=["b1", "b2"], dev=["b3"])


@pytest.fixture
def third(tmp_path):
    return write_dataset(tmp_path / "third", {"en": ("a cat",)}, train=["c2", "c1"])


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def names(folder, split):
    return [example.file_name for example in open_split(folder, split)]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_training_photos_are_those_of_all_in_order(first, second, third, out):
    mixed.write(first, [second, third], out)
    assert names(out, "train") == ["a3", "a1", "a2", "b1", "b2", "c2", "c1"]


def test_dev_and_test_are_those_of_the_first_alone(first, second, out):
    mixed.write(first, [second], out)
    assert names(out, "dev") == ["a4"]
    assert names(out, "test") == ["a5", "a6"]


def test_a_split_that_the_first_has_not_is_not_there(first, second, out):
    mixed.write(second, [first], out)
    with pytest.raises(DatasetError, match="no split 'test', only: train, dev"):
        open_split(out, "test")


def test_photos_stay_what_they_were(first, second, out):
    mixed.write(first, [second], out)
    before = [*open_split(first, "train"), *open_split(second, "train")]
    assert list(open_split(out, "train")) == before


def test_vocabularies_are_of_all_training_captions(first, second, third, out):
    # "cat" comes twice in each of the others, "the" thrice in training.
    mixed.write(first, [second, third], out)
    english = Vocabulary.load(out / "vocabulary_en.txt").words
    assert english[3:] == ("a", "dog", "cat")
    assert Vocabulary.load(out / "vocabulary_zh.txt").words[3:] == ()


def test_the_metadata_names_the_parts_with_their_counts(first, second, out):
    mixed.write(first, [second], out, shards=3)
    metadata = json.loads((out / "dataset.json").read_text())
    assert metadata["name"] == "mixed"
    assert metadata["splits"]["train"]["photos"] == 5
    assert metadata["splits"]["train"]["captions"] == {"en": 8, "zh": 3}
    assert len(metadata["splits"]["train"]["shards"]) == 3
    assert metadata["parts"] == [
        {
            "name": "first",
            "splits": {
                "train": {"photos": 3, "captions": {"en": 6, "zh": 3}},
                "dev": {"photos": 1, "captions": {"en": 2, "zh": 1}},
                "test": {"photos": 2, "captions": {"en": 4, "zh": 2}},
            },
        },
        {"name": "second", "splits": {"train": {"photos": 2, "captions": {"en": 2}}}},
    ]


def test_two_runs_give_the_same_bytes(first, second, out, tmp_path):
    mixed.write(first, [second], out)
    mixed.write(first, [second], tmp_path / "again")
    assert contents(out) == contents(tmp_path / "again")


def test_a_mixture_can_be_mixed_again(first, second, third, out, tmp_path):
    mixed.write(first, [second], out)
    mixed.write(out, [third], tmp_path / "more")
    assert names(tmp_path / "more", "train") == ["a3", "a1", "a2", "b1", "b2", "c2", "c1"]


def test_photos_are_read_one_at_a_time(first, second):
    (second / "train-00001-of-00002.tfrecord").write_bytes(b"no record" * 9)
    train = iter(mixed.Mixture([first, second]).splits()["train"].examples)
    assert [next(train).file_name for _ in range(4)] == ["a3", "a1", "a2", "b1"]
    with pytest.raises(DatasetError, match="is corrupt"):
        next(train)


# Refused


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_photo_that_comes_again_is_refused(first, out, tmp_path, split):
    (again,) = names(first, split)[:1]
    other = write_dataset(tmp_path / "other", {"en": ("a cat",)}, train=["b1", again])
    with pytest.raises(DatasetError, match=rf"{again} comes in .*(first|other) and again in"):
        mixed.write(first, [other], out)
    assert list(tmp_path.glob("out*")) == []


def test_a_photo_that_is_not_taken_may_come_again(first, out, tmp_path):
    other = write_dataset(tmp_path / "other", {"en": ("a cat",)}, train=["b1"], dev=["a1"])
    mixed.write(first, [other], out)
    assert names(out, "train") == ["a3", "a1", "a2", "b1"]


def test_a_lost_photo_is_noticed(first, second, out):
    (first / "train-00001-of-00002.tfrecord").write_bytes(b"")
    with pytest.raises(DatasetError, match="gave 1 photos where 3 were written"):
        mixed.write(first, [second], out)


def test_a_photo_too_many_is_noticed(first, second, out):
    metadata = json.loads((second / "dataset.json").read_text())
    metadata["splits"]["train"]["photos"] = 1
    write_metadata(second, metadata)
    with pytest.raises(DatasetError, match="gave 2 photos where 1 were written"):
        mixed.write(first, [second], out)


def test_a_folder_that_is_no_dataset_is_refused(first, out, tmp_path):
    with pytest.raises(DatasetError, match="none is no TFRecord dataset"):
        mixed.write(first, [tmp_path / "none"], out)


def test_a_dataset_without_training_photos_is_refused(first, out, tmp_path):
    metadata = {"name": "a", "splits": {"dev": {"photos": 1}}}
    (tmp_path / "other").mkdir()
    write_metadata(tmp_path / "other", metadata)
    with pytest.raises(DatasetError, match="no split 'train', only: dev"):
        mixed.write(first, [tmp_path / "other"], out)


def test_a_dataset_that_is_read_is_not_replaced(first, second):
    before = contents(second)
    with pytest.raises(DatasetError, match="second is to be read"):
        mixed.write(first, [second], second)
    assert contents(second) == before


# The command


def test_the_command_writes_and_prints_the_parts(first, second, out, capsys):
    mixed.main(["--out", str(out), str(first), str(second)])
    assert capsys.readouterr().out == "first: 3 train, 1 dev, 2 test\nsecond: 2 train\n"
    assert len(names(out, "train")) == 5


def test_the_command_says_what_is_wrong(first, out, capsys):
    with pytest.raises(SystemExit) as stopped:
        mixed.main(["--out", str(out), str(first), str(first)])
    assert stopped.value.code == 1
    assert "a3 comes in" in capsys.readouterr().err
