import json
from pathlib import Path

import pytest

from app.captioning.checkpoint import CheckpointError, Details, Neutral, open_checkpoint, sha256
from app.captioning.confidence import Confidence
from app.captioning.vocabulary import Vocabulary


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint without networks: what can be checked before an engine is chosen."""
    Vocabulary.build([["a", "dog"]], 1).save(tmp_path / "vocabulary_en.txt")
    (tmp_path / "encoder.tflite").write_bytes(b"network")
    manifest = {
        "format": 2,
        "name": "small",
        "encoder": {"name": "efficientnet_lite3", "photo_size": 224},
        "languages": {"en": {"max_words": 20, "length_penalty": 1.0}},
        "files": {
            name: sha256(tmp_path / name) for name in ("vocabulary_en.txt", "encoder.tflite")
        },
    }
    write(tmp_path, manifest)
    return tmp_path


def write(folder: Path, manifest: object) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def read(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_a_whole_checkpoint_opens(folder):
    checkpoint = open_checkpoint(folder)
    assert checkpoint.name == "small"
    assert checkpoint.photo_size == 224
    assert checkpoint.languages["en"].vocabulary.words[3:] == ("a", "dog")


def test_what_its_probabilities_are_worth_belongs_to_it(folder):
    assert open_checkpoint(folder).languages["en"].confidence is None
    manifest = read(folder)
    manifest["languages"]["en"]["confidence"] = {"sure": 0.6, "unsure": 0.5}
    write(folder, manifest)
    assert open_checkpoint(folder).languages["en"].confidence == Confidence(0.6, 0.5)
    del manifest["languages"]["en"]["confidence"]["unsure"]
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="it has no 'unsure'"):
        open_checkpoint(folder)


def test_the_words_that_it_leaves_out_where_they_are_doubtful_belong_to_it(folder):
    assert open_checkpoint(folder).languages["en"].details is None
    manifest = read(folder)
    manifest["languages"]["en"]["details"] = {"words": ["dog"], "least_probability": 0.3}
    write(folder, manifest)
    assert open_checkpoint(folder).languages["en"].details == Details(("dog",), 0.3)
    manifest["languages"]["en"]["details"]["least_probability"] = 0
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="the least probability of details is 0"):
        open_checkpoint(folder)


def test_the_words_that_it_says_of_people_belong_to_it(folder):
    manifest = read(folder)
    words = [["a", "dog", "dog"]]
    manifest["languages"]["en"]["neutral"] = {"words": words, "least_share": 0.75}
    write(folder, manifest)
    assert open_checkpoint(folder).languages["en"].neutral == Neutral((("a", "dog", "dog"),), 0.75)
    manifest["languages"]["en"]["neutral"]["least_share"] = 0.4
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="the least share of words for people is 0.4"):
        open_checkpoint(folder)
    for wrong in (["a", "dog"], ["a", "dog", "horse"], "dog"):
        manifest["languages"]["en"]["neutral"] = {"words": [wrong], "least_share": 0.75}
        write(folder, manifest)
        with pytest.raises(CheckpointError, match="are not three of the vocabulary"):
            open_checkpoint(folder)


def test_it_refuses_a_folder_without_a_manifest(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint in .* manifest.json is missing"):
        open_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "\x00"])
def test_it_refuses_a_manifest_that_is_not_json_of_an_object(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(CheckpointError, match="manifest.json"):
        open_checkpoint(folder)


def test_it_refuses_another_format_and_says_to_update(folder):
    write(folder, read(folder) | {"format": 1})
    with pytest.raises(CheckpointError, match="format 1; this version of Kantu reads format 2"):
        open_checkpoint(folder)


def test_it_refuses_an_altered_file_by_name(folder):
    (folder / "encoder.tflite").write_bytes(b"netw0rk")
    with pytest.raises(CheckpointError, match="encoder.tflite is not the file"):
        open_checkpoint(folder)


def test_it_refuses_a_missing_file_by_name(folder):
    (folder / "encoder.tflite").unlink()
    with pytest.raises(CheckpointError, match="encoder.tflite cannot be read"):
        open_checkpoint(folder)


def test_tensorflow_s_graph_may_be_left_out_but_not_be_another(folder):
    manifest = read(folder)
    (folder / "frozen_graph.pb").write_bytes(b"graph")
    manifest["files"]["frozen_graph.pb"] = sha256(folder / "frozen_graph.pb")
    write(folder, manifest)
    (folder / "frozen_graph.pb").write_bytes(b"gr4ph")
    with pytest.raises(CheckpointError, match="frozen_graph.pb is not the file"):
        open_checkpoint(folder)
    (folder / "frozen_graph.pb").unlink()
    assert "frozen_graph.pb" in open_checkpoint(folder).files


def test_it_refuses_a_vocabulary_that_the_manifest_does_not_vouch_for(folder):
    manifest = read(folder)
    del manifest["files"]["vocabulary_en.txt"]
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="lists no vocabulary_en.txt"):
        open_checkpoint(folder)


def test_it_refuses_a_file_that_is_no_vocabulary_though_its_hash_is_right(folder):
    (folder / "vocabulary_en.txt").write_text("a\ndog\n")
    manifest = read(folder)
    manifest["files"]["vocabulary_en.txt"] = sha256(folder / "vocabulary_en.txt")
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="a vocabulary begins with"):
        open_checkpoint(folder)


def test_it_never_reads_outside_its_folder(folder):
    manifest = read(folder)
    manifest["files"]["../secret"] = "0"
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="outside the folder"):
        open_checkpoint(folder)


@pytest.mark.parametrize("key", ["name", "encoder", "languages", "files"])
def test_it_refuses_a_manifest_that_lacks_something_and_names_it(folder, key):
    manifest = read(folder)
    del manifest[key]
    write(folder, manifest)
    with pytest.raises(CheckpointError, match=f"it has no '{key}'"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("languages", {}), ("languages", []), ("languages", {"en": 3}), ("encoder", "lite")],
)
def test_it_refuses_a_manifest_of_another_shape(folder, key, value):
    write(folder, read(folder) | {key: value})
    with pytest.raises(CheckpointError, match="does not describe a checkpoint"):
        open_checkpoint(folder)


def test_it_refuses_words_that_point_where_nothing_detects(folder):
    (folder / "visual_words_en.json").write_text('{"dog": {"words": ["dog"], "logit_bias": 0.0}}')
    manifest = read(folder)
    manifest["files"]["visual_words_en.json"] = sha256(folder / "visual_words_en.json")
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="visual words and no detector.tflite"):
        open_checkpoint(folder)


def test_it_knows_how_photos_are_made_small(folder):
    assert open_checkpoint(folder).resizing == "smooth"
    manifest = read(folder)
    manifest["encoder"]["resizing"] = "sampled"
    write(folder, manifest)
    assert open_checkpoint(folder).resizing == "sampled"
    manifest["encoder"]["resizing"] = "cubist"
    write(folder, manifest)
    with pytest.raises(CheckpointError, match="the encoder's resizing is 'cubist'"):
        open_checkpoint(folder)
