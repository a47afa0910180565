"""Checkpoints of TensorFlow 1: whole ones are found and read, of others the sentence says what is
wrong with which file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from training.encoders import WeightsError
from training.encoders.tensorflow_files import find_checkpoint, open_variables

v1 = tf.compat.v1

VALUES = {f"layer_{n}/weights": np.random.default_rng(n).normal(size=(9, 5)) for n in range(12)}
FORMATS = {"first.ckpt-7": v1.train.SaverDef.V1, "second-7": v1.train.SaverDef.V2}
INDEX, DATA = "second-7.index", "second-7.data-00000-of-00001"


def save(path: Path, values: dict[str, np.ndarray], version: int = v1.train.SaverDef.V2) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in values.items():
            v1.get_variable(name, initializer=value)
        session.run(v1.global_variables_initializer())
        v1.train.Saver(write_version=version).save(session, str(path), write_meta_graph=False)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A folder with the same values in both formats."""
    folder = tmp_path_factory.mktemp("saved")
    for name, version in FORMATS.items():
        save(folder / name, {n: v.astype(np.float32) for n, v in VALUES.items()}, version)
    (folder / "checkpoint").unlink()
    return folder


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def read(path: Path) -> dict[str, np.ndarray]:
    with open_variables(path) as variables:
        return {name: variables.read(name, variables.shape(name)) for name in variables}


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as refused:
        read(path)
    return str(refused.value)


def assert_whole(path: Path) -> None:
    values = read(path)
    assert values.keys() == VALUES.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(value, VALUES[name].astype(np.float32))


@pytest.mark.parametrize("name", [*FORMATS, INDEX, DATA, "second-7.meta"])
def test_both_formats_are_read_and_may_be_named_by_any_of_their_files(saved, name):
    assert_whole(saved / name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_path_is_no_pattern(folder, name):
    odd = folder.rename(folder.with_name("im2txt [2M] * 看图"))
    assert_whole(odd / name)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["first.ckpt-7", INDEX, DATA]),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.none(), st.integers(1, 255)),
)
def test_damage_is_told_or_does_no_harm(saved, tmp_path_factory, file, place, flipped):
    """Of a file that ends somewhere, or has another byte there."""
    folder = Path(shutil.copytree(saved, tmp_path_factory.mktemp("damaged") / "copy"))
    content = bytearray((folder / file).read_bytes())
    at = int(place * len(content))
    if flipped is None:
        del content[at:]
    else:
        content[at] ^= flipped
    (folder / file).write_bytes(content)
    try:
        assert_whole(folder / file)
    except WeightsError as error:
        assert str(error).startswith(f"{folder}/")
        assert str(error).endswith(". Fetch it again.")
        assert "\n" not in str(error)
    finally:
        shutil.rmtree(folder)


HTML = b"\n<!DOCTYPE html><title>Sign in"


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        (INDEX, b"", "is empty: its download failed. Fetch it again."),
        (DATA, b"", "is empty: its download failed. Fetch it again."),
        (INDEX, HTML, "is a web page; download the file itself."),
        (DATA, HTML, "is a web page; download the file itself."),
        ("first.ckpt-7", HTML, "is a web page; download the file itself."),
        (INDEX, b"x" * 99, "is cut short, or is no TensorFlow checkpoint. Fetch it again."),
        (DATA, b"x" * 99, "is cut short: 99 of 2,160 bytes are there. Fetch it again."),
        (
            DATA,
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a pointer of Git LFS; fetch the file with 'git lfs pull'.",
        ),
        ("first.ckpt-7", b"PK\3\4", "is an archive; unpack it."),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_checkpoint_is_called_by_its_name(folder, file, content, sentence):
    (folder / file).write_bytes(content)
    assert refused(folder / file) == f"{folder / file} {sentence}"


def test_flipped_values_are_told_from_cut_ones(folder):
    data = folder / DATA
    data.write_bytes(bytes(reversed(data.read_bytes())))
    sentence = refused(folder / "second-7")
    assert sentence.startswith(f"{data} is damaged: its values of layer_")
    assert sentence.endswith("/weights are not those that were saved. Fetch it again.")


def test_a_missing_file_is_named(folder):
    (folder / DATA).rename(folder / "elsewhere")
    assert refused(folder / "second-7").startswith(f"{folder / DATA} is missing: {INDEX} only says")
    (folder / "elsewhere").rename(folder / DATA)
    (folder / INDEX).unlink()
    assert refused(folder / "second-7").startswith(f"{folder / INDEX} is missing: {DATA} is of no")
    (folder / "graph.meta").touch()
    index = folder / "graph.index"
    assert refused(folder / "graph.meta").startswith(f"{index} is missing: graph.meta is of no")


@pytest.mark.parametrize("file", [INDEX, DATA, "first.ckpt-7"])
def test_what_cannot_be_opened_is_said_with_the_reason(folder, file):
    (folder / file).unlink()
    (folder / file).symlink_to(folder / file)
    assert refused(folder / file) == (
        f"{folder / file} cannot be read (Too many levels of symbolic links)."
    )


def test_there_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^There is no checkpoint at .*model\.ckpt-1\.$"):
        read(tmp_path / "model.ckpt-1")
    with pytest.raises(FileNotFoundError, match="^There is no checkpoint in "):
        read(tmp_path)


def test_a_name_may_be_nothing_but_a_suffix(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^There is no checkpoint at .*/\.index\.$"):
        read(tmp_path / ".index")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.full(3, np.nan, np.float32), "has 3 of 3 values that are NaN or infinite: "),
        (np.array([1, np.inf], np.float32), "has 1 of 2 values that are NaN or infinite: "),
        (np.array([1, 1e300]), "has 1 of 2 values that are NaN or infinite: "),
        (np.array([1, 2], np.int32), "holds int32, and not floating-point numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_values_that_are_no_weights_are_refused(tmp_path, values, sentence):
    save(tmp_path / "model", {"weights": values})
    assert f"weights in {tmp_path / 'model'} {sentence}" in refused(tmp_path / "model")


def test_a_shape_that_does_not_belong_is_refused(saved):
    with open_variables(saved / "second-7") as variables:
        with pytest.raises(WeightsError, match="shape 9 × 5, where 5 × 9 belongs"):
            variables.read("layer_0/weights", (5, 9))
        np.testing.assert_array_equal(
            variables.read("layer_0/weights", (9, 5)), VALUES["layer_0/weights"].astype("f")
        )


def write_state(folder: Path, named: str) -> None:
    (folder / "checkpoint").write_text(
        f'model_checkpoint_path: "{named}"\nall_model_checkpoint_paths: "first.ckpt-7"\n'
    )


@pytest.mark.parametrize("named", ["second-7", "/home/somebody/train/second-7"])
def test_of_a_folder_the_newest_is_taken(folder, named):
    write_state(folder, named)
    assert find_checkpoint(folder) == find_checkpoint(folder / "checkpoint") == folder / "second-7"


def test_of_a_folder_that_says_nothing_the_only_one_is_taken(folder):
    (folder / "first.ckpt-7").unlink()
    assert find_checkpoint(folder) == folder / "second-7"


def test_of_several_one_must_be_named(folder):
    with pytest.raises(WeightsError, match="several checkpoints, first.ckpt-7 and second-7, and"):
        find_checkpoint(folder)


def test_the_newest_must_be_there(folder):
    write_state(folder, "third-8")
    with pytest.raises(WeightsError, match="names third-8, which is not there, but first.ckpt-7"):
        find_checkpoint(folder)
