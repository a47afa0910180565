import tempfile
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data import tfrecord
from training.data.tfrecord import DatasetError, Photo, read_shards


def draw_photos(folder, count):
    photos = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        path.write_bytes(b"photo %d" % number)
        captions = {"en": (f"Photo {number} .", "A café ."), "zh": (f"照片{number}。",)}
        photos.append(Photo(path.name, number, path, captions))
    return photos


def write_shards(photos, out, split, shards):
    examples = (photo.load() for photo in photos)
    return tfrecord.write_shards(examples, len(photos), out, split, shards)


@pytest.fixture
def photos(tmp_path):
    return draw_photos(tmp_path, 5)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def shard(out, number=0, split="train"):
    return sorted(out.glob(f"{split}-*"))[number]


def test_what_is_written_is_read(photos, out):
    write_shards(photos, out, "train", 2)
    examples = list(read_shards(out, "train"))
    assert examples == [photo.load() for photo in photos]
    assert examples[3].photo == b"photo 3"
    assert examples[3].captions == {"en": ("Photo 3 .", "A café ."), "zh": ("照片3。",)}


def test_a_language_without_captions_stays_absent(photos, out):
    only_english = Photo("a.jpg", 2**48 - 1, photos[0].path, {"en": ("A dog .",)})
    write_shards([only_english], out, "dev", 1)
    (example,) = read_shards(out, "dev")
    assert example.captions == {"en": ("A dog .",)}
    assert example.image_id == 2**48 - 1


@settings(deadline=None, max_examples=10)
@given(count=st.integers(0, 12), shards=st.integers(1, 15))
def test_no_photo_is_lost_or_doubled(count, shards):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digests = write_shards(draw_photos(folder, count), folder, "train", shards)
        assert len(digests) == len(list(folder.glob("*.tfrecord"))) == shards
        assert [example.image_id for example in read_shards(folder, "train")] == list(range(count))


def test_shards_are_about_equally_long(photos, out):
    names = write_shards(photos, out, "train", 2)
    assert list(names) == ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"]
    lengths = [len(list(tf.data.TFRecordDataset(str(out / name)))) for name in names]
    assert sorted(lengths) == [2, 3]


def test_the_same_photos_give_the_same_bytes(photos, out, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    assert write_shards(photos, out, "train", 3) == write_shards(photos, again, "train", 3)
    assert shard(out).read_bytes() == shard(again).read_bytes()


def test_languages_in_another_order_give_the_same_bytes(photos, out):
    turned = [
        Photo(photo.file_name, photo.image_id, photo.path, dict(reversed(photo.captions.items())))
        for photo in photos
    ]
    first = write_shards(photos, out, "a", 1)
    second = write_shards(turned, out, "b", 1)
    assert list(first.values()) == list(second.values())


@pytest.mark.parametrize("size", [0, 4, 6])
def test_no_photo_is_lost_where_their_number_is_wrong(photos, out, size):
    tfrecord.write_shards((photo.load() for photo in photos), size, out, "train", 2)
    assert len(list(read_shards(out, "train"))) == 5


def test_there_is_at_least_one_shard(photos, out):
    with pytest.raises(ValueError, match="at least one shard"):
        write_shards(photos, out, "train", 0)


def test_a_missing_shard_is_named(photos, out):
    write_shards(photos, out, "train", 3)
    shard(out, 1).unlink()
    with pytest.raises(DatasetError, match=r"train-00001-of-00003\.tfrecord is missing"):
        read_shards(out, "train")


def test_a_split_without_shards_is_an_error(out):
    with pytest.raises(DatasetError, match="no shards of the split 'dev'"):
        read_shards(out, "dev")


def flip_a_bit(data):
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


@pytest.mark.parametrize(
    "damage", [flip_a_bit, lambda data: data[:-5], lambda data: b"no record" * 9]
)
def test_a_corrupt_shard_is_named(photos, out, damage):
    write_shards(photos, out, "train", 1)
    shard(out).write_bytes(damage(shard(out).read_bytes()))
    with pytest.raises(DatasetError, match=r"train-00000-of-00001\.tfrecord is corrupt"):
        list(read_shards(out, "train"))


@pytest.mark.parametrize("record", [b"\xff\xff", tf.train.Example().SerializeToString()])
def test_records_of_another_kind_are_refused(out, record):
    with tf.io.TFRecordWriter(str(out / "train-00000-of-00001.tfrecord")) as writer:
        writer.write(record)
    with pytest.raises(DatasetError, match="is corrupt"):
        list(read_shards(out, "train"))


def test_reading_is_one_record_at_a_time(photos, out):
    write_shards(photos, out, "train", 2)
    shard(out, 1).write_bytes(b"no record" * 9)
    examples = read_shards(out, "train")
    assert next(examples).file_name == "0.jpg"
