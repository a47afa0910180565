from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.training.conftest import RECIPES, Pipeline
from training.train import runs

FIGURES = {"train/loss": 1.0, "dev/BLEU-4": 10.0}


def trainer(keep_last: bool = False) -> SimpleNamespace:
    """What keep_best() needs of a Trainer."""
    return SimpleNamespace(
        recipe=replace(RECIPES["en"], keep_last=keep_last),
        progress=SimpleNamespace(epoch=0, best_epoch=0, best_cider=-np.inf),
        decoder=SimpleNamespace(weights=[]),
    )


@pytest.mark.parametrize(("keep_last", "kept"), [(False, [1, 2, 2]), (True, [1, 2, 3])])
def test_the_best_or_the_last_epoch_is_kept_and_the_best_is_remembered(
    tmp_path: Path, keep_last: bool, kept: list[int]
):
    one = trainer(keep_last)
    assert runs.kept_epoch(tmp_path) is None
    for epoch, cider in enumerate([30.0, 50.0, 40.0], 1):
        one.progress.epoch = epoch
        runs.keep_best(one, FIGURES | {"dev/CIDEr": cider}, tmp_path)
        assert runs.kept_epoch(tmp_path) == kept[epoch - 1]
    assert (one.progress.best_epoch, one.progress.best_cider) == (2, 50.0)


def test_a_config_that_differs_is_refused_by_the_names_of_what_differs(
    pipeline: Pipeline, tmp_path: Path
):
    run = pipeline.runs["en"]
    config = runs.read_config(run)
    runs.check_run(run, config)
    runs.check_run(tmp_path, config)
    other = config | {"features": {}, "vocabulary_sha256": ""}
    with pytest.raises(ValueError, match=r"\(features, vocabulary_sha256 differ\)"):
        runs.check_run(run, other)


def test_a_folder_without_a_training_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="holds no training"):
        runs.load_run(tmp_path)


def test_a_run_without_a_finished_epoch_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="its first epoch is not done"):
        runs.load_run(tmp_path)


def test_a_run_of_another_version_is_refused(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"recipe": {"language": "en", "unheard": 1}}')
    (tmp_path / "best.npz").touch()
    with pytest.raises(ValueError, match="another version of this program"):
        runs.load_run(tmp_path)


def test_a_run_says_why_it_ended_until_it_goes_on(pipeline: Pipeline, tmp_path: Path):
    vocabulary = runs.load_run(pipeline.runs["en"]).vocabulary
    runs.begin_run(tmp_path, {}, vocabulary)
    assert runs.why_ended(tmp_path) is None
    runs.end_run(tmp_path, "enough")
    assert runs.why_ended(tmp_path) == "enough"
    runs.begin_run(tmp_path, {}, vocabulary)
    assert runs.why_ended(tmp_path) is None
