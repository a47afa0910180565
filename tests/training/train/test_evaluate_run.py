import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import Pipeline
from training.train.evaluate_run import follow, load_dev, main
from training.train.runs import end_run, load_run
from training.train.saving import save_arrays


def arguments(run: Path, pipeline: Pipeline) -> list[str]:
    folders = {"--run": run, "--dataset": pipeline.dataset, "--features": pipeline.features}
    return [str(text) for pair in folders.items() for text in pair]


@pytest.fixture
def run(pipeline: Pipeline, tmp_path: Path) -> Path:
    """A copy of a run, as if its training were going on."""
    shutil.copytree(pipeline.runs["en"], tmp_path / "run")
    (tmp_path / "run" / "ended.json").unlink()
    return tmp_path / "run"


def keep_another(run: Path, epoch: int) -> None:
    with np.load(run / "best.npz") as arrays:
        save_arrays(run / "best.npz", dict(arrays) | {"epoch": epoch})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_scores_are_those_of_the_training(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], language: str
):
    run = pipeline.runs[language]
    main(arguments(run, pipeline))
    printed = json.loads(capsys.readouterr().out)
    scores = load_run(run).scores
    assert printed == pytest.approx({name: scores[name] for name in printed})
    assert {"epoch", "perplexity", "BLEU-4", "CIDEr"} <= set(printed)


def test_following_scores_each_decoder_that_is_kept_until_the_training_is_over(
    pipeline: Pipeline, run: Path
):
    keep_another(run, 7)
    followed = follow(run, load_dev(run, pipeline.dataset, pipeline.features), seconds=0)
    assert next(followed)["epoch"] == 7
    keep_another(run, 8)
    assert next(followed)["epoch"] == 8
    keep_another(run, 9)
    end_run(run, "enough")
    assert [figures["epoch"] for figures in followed] == [9]


def test_following_waits_for_the_first_epoch(
    pipeline: Pipeline, run: Path, monkeypatch: pytest.MonkeyPatch
):
    (run / "best.npz").rename(run / "later.npz")

    def finish_an_epoch(seconds: float) -> None:
        (run / "later.npz").rename(run / "best.npz")
        end_run(run, "enough")

    monkeypatch.setattr("time.sleep", finish_an_epoch)
    dev = load_dev(run, pipeline.dataset, pipeline.features)
    assert len(list(follow(run, dev, seconds=60))) == 1


def test_following_a_training_that_is_over_scores_once(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
):
    main([*arguments(pipeline.runs["en"], pipeline), "--follow", "60"])
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_features_of_another_encoder_are_refused(
    pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    facts = json.loads((pipeline.features / "features.json").read_text())
    (tmp_path / "features.json").write_text(json.dumps(facts | {"encoder": "another"}))
    options = arguments(pipeline.runs["en"], pipeline)
    with pytest.raises(SystemExit):
        main([*options, "--features", str(tmp_path)])
    assert "features of another encoder" in capsys.readouterr().err


def test_a_folder_without_a_training_is_refused_in_a_sentence(
    pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(arguments(tmp_path, pipeline))
    assert capsys.readouterr().err == f"{tmp_path} holds no training: it has no config.json\n"
