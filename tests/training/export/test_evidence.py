"""Evidence is learned from photos, and belongs to a checkpoint."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import open_checkpoint, sha256
from app.captioning.evidence import Evidence
from app.captioning.vocabulary import Vocabulary
from tests.training.conftest import Pipeline
from training.export import evidence
from training.export.evidence import learn, record_evidence

DRAWN = {"en": {"red", "green", "blue", "small", "large"}, "zh": {"红色", "绿色", "蓝色"}}
"""Words for what differs from photo to photo of tests.training.conftest.draw_download()."""
PHOTOS = 6000
SEEN = {"dog": 0, "ball": 1}
"""Which feature shows a thing."""


@pytest.fixture(scope="module")
def learned() -> tuple[Evidence, Vocabulary]:
    """From photos of which each tenth shows a dog, and each tenth a ball, in one of eight
    features."""
    random = np.random.default_rng(0)
    shown = {name: random.random(PHOTOS) < 0.1 for name in SEEN}
    features = random.normal(size=(PHOTOS, 8)).astype(np.float32) * 0.1
    for name, feature in SEEN.items():
        features[shown[name], feature] += 5
    captions = [
        [["a", *(name for name in SEEN if shown[name][photo])], ["a", "photo"]]
        for photo in range(PHOTOS)
    ]
    captions[0] += [["unicorn"]]
    vocabulary = Vocabulary.build([["a", "photo", "dog", "ball", "unicorn"]], 1)
    return learn(features, captions, vocabulary, "en"), vocabulary


def test_words_that_are_rare_or_everywhere_are_left_out(learned):
    found, vocabulary = learned
    assert {vocabulary.words[word] for word in found.words} == set(SEEN)


@pytest.mark.parametrize("name", SEEN)
def test_a_photo_speaks_for_what_it_shows_and_against_what_it_does_not(learned, name: str):
    found, vocabulary = learned
    features = np.zeros(8, np.float32)
    features[SEEN[name]] = 5
    bias = dict(
        zip([vocabulary.words[at] for at in found.words], found.bias(features), strict=True)
    )
    (other,) = set(SEEN) - {name}
    assert bias[name] > 0.2 > 0 > bias[other]


def test_it_is_added_to_a_checkpoint_and_moves_its_captions(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(evidence, "LEAST_PHOTOS", 1)
    monkeypatch.setattr(evidence, "MOST_CAPTIONS", 0.9)
    folder = tmp_path / "told"
    shutil.copytree(pipeline.checkpoint, folder)
    record_evidence(folder, pipeline.places.data, ["flickr8k"])
    manifest = json.loads((folder / "manifest.json").read_text())
    for language, model in open_checkpoint(folder).languages.items():
        name = f"evidence_{language}.npz"
        assert manifest["files"][name] == sha256(folder / name)
        assert model.evidence is not None
        words = {model.vocabulary.words[at] for at in model.evidence.words}
        assert words == DRAWN[language]
    photo = np.full((50, 60, 3), (200, 0, 0), np.uint8)
    plain, told = map(Captioner.load, (pipeline.checkpoint, folder))
    before, after = (one.caption(photo, "en")[0] for one in (plain, told))
    assert before.log_probability != after.log_probability
    assert set(told.labels(told.encode(photo), "en")) <= DRAWN["en"]


def test_a_checkpoint_without_evidence_has_no_labels(pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "untold"
    shutil.copytree(pipeline.checkpoint, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for language in manifest["languages"]:
        del manifest["files"][f"evidence_{language}.npz"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    captioner, photo = Captioner.load(folder), np.full((50, 60, 3), 200, np.uint8)
    assert not captioner.labelled and captioner.labels(captioner.encode(photo), "en") == {}
    assert not any(caption.perhaps for caption in captioner.caption(photo, "en"))
