"""A detector is added to a checkpoint whose decoders do without one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import DETECTOR, MANIFEST, sha256
from app.config import ROOT
from tests.training.conftest import Pipeline
from training.evaluation.evaluate import load_captioner
from training.export.detector import add_detector
from training.run import export_run

SHIPPED = ROOT / "model_assets" / "kantu-2" / DETECTOR


def test_it_is_loaded_where_words_are_to_point(pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "pointing"
    shutil.copytree(pipeline.checkpoint, folder)
    add_detector(folder, SHIPPED)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["files"][DETECTOR] == sha256(SHIPPED)
    photo = np.full((50, 60, 3), 200, np.uint8)
    plain, pointing = (Captioner.load(folder, pointing=one) for one in (False, True))
    assert not plain.objects and "zebra" in pointing.objects
    assert plain.caption(photo, "en")[0].text == pointing.caption(photo, "en")[0].text


def test_it_stays_when_the_training_is_exported_again(pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "plain"
    shutil.copytree(pipeline.checkpoint, folder)
    add_detector(folder, SHIPPED)
    (folder / "evidence_fr.npz").write_bytes(b"of another checkpoint")
    (folder / "notes.npz.md").write_text("not ours")
    export_run(pipeline.run, folder, pipeline.places)
    assert Captioner.load(folder, pointing=True).objects
    listed = json.loads((folder / MANIFEST).read_text())["files"]
    parts = {path.name for path in folder.iterdir()} - {MANIFEST, "MODEL_CARD.md", "notes.npz.md"}
    assert (folder / "notes.npz.md").exists()
    assert parts == {*listed}


def test_a_style_is_measured_without_it(pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "pointing"
    shutil.copytree(pipeline.checkpoint, folder)
    add_detector(folder, SHIPPED)
    assert not load_captioner(folder, "litert", "en", "<start>").objects


def test_what_is_no_detector_is_refused(pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "pointing"
    shutil.copytree(pipeline.checkpoint, folder)
    for other in (ROOT / "model_assets" / "kantu-2" / "encoder_stage.tflite", folder / MANIFEST):
        with pytest.raises(ValueError, match="is no converted detector"):
            add_detector(folder, other)
    assert not (folder / DETECTOR).exists()
    Captioner.load(folder, pointing=True)


def test_a_detector_that_decoders_learned_with_stays(grounded: Pipeline):
    with pytest.raises(ValueError, match="that its decoders learned with"):
        add_detector(grounded.checkpoint, SHIPPED)
