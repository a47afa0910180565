import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import ATTENDING, Pipeline
from training.export.checkpoint import export
from training.recipes import Likelihood
from training.train.reopen import main, reopen
from training.train.runs import load_run
from training.train.train import train


def assert_same_but_rounded(again: Path, run: Path) -> None:
    reopened, before = load_run(again), load_run(run)
    assert reopened.vocabulary.words == before.vocabulary.words
    assert reopened.recipe == before.recipe
    assert reopened.scores == before.scores
    assert reopened.trained_on == before.trained_on
    pairs = zip(reopened.decoder.weights, before.decoder.weights, strict=True)
    for ours, theirs in pairs:
        step = np.abs(theirs.numpy()).max() / 127
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=step, err_msg=ours.path)


@pytest.mark.parametrize("kind", ["pipeline", "attending"])
def test_a_checkpoint_gives_back_its_runs(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    made: Pipeline = request.getfixturevalue(kind)
    reopened = reopen(made.checkpoint, made.features, tmp_path)
    assert [run.name for run in reopened] == list(made.runs)
    for again, run in zip(reopened, made.runs.values(), strict=True):
        assert_same_but_rounded(again, run)


@pytest.fixture(scope="module")
def ensemble(attending: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Two decoders of English over one tail, then one of Chinese."""
    root = tmp_path_factory.mktemp("ensemble")
    runs = dict(attending.runs)
    for name, language, decoder in (("en-2", "en", "show_and_tell"), ("zh", "zh", "top_down")):
        recipe = replace(
            ATTENDING,
            language=language,
            decoder=decoder,
            likelihood=Likelihood(epochs=1),
            fine_tuning=Likelihood(epochs=0),
            self_critical=replace(ATTENDING.self_critical, epochs=0),
        )
        runs[name] = root / name
        tail = attending.runs["en"]
        train(recipe, attending.dataset, attending.features, runs[name], tail=tail)
    assets = root / "assets"
    export(list(runs.values()), attending.features, attending.weights, "together", assets)
    return replace(attending, runs=runs, checkpoint=assets / "together")


def test_each_of_several_decoders_gets_its_own(ensemble: Pipeline, tmp_path: Path) -> None:
    reopened = reopen(ensemble.checkpoint, ensemble.features, tmp_path)
    assert [run.name for run in reopened] == ["en", "en-2", "zh"]
    for run in reopened:
        assert_same_but_rounded(run, ensemble.runs[run.name])


def test_what_was_reopened_can_be_exported_again(ensemble: Pipeline, tmp_path: Path) -> None:
    reopened = reopen(ensemble.checkpoint, ensemble.features, tmp_path / "runs")
    again = export(reopened, ensemble.features, ensemble.weights, "again", tmp_path)
    for file in ("decoder_zh.tflite", "tail.tflite"):
        before, after = ((one / file).stat().st_size for one in (ensemble.checkpoint, again))
        assert before == after


def test_features_that_do_not_fit_are_refused_in_a_sentence(
    pipeline: Pipeline, attending: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusal(features: Path) -> str:
        given = ["--model", attending.checkpoint, "--features", features, "--out", tmp_path]
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, given)))
        assert ended.value.code == 1
        return capsys.readouterr().err

    assert "compute them with --kind map" in refusal(pipeline.features)
    other = tmp_path / "other"
    other.mkdir()
    facts = (attending.features / "features.json").read_text()
    (other / "features.json").write_text(facts.replace('"tiny"', '"vgg16"'))
    np.save(other / "dev.npy", np.zeros((1, 1, 512), np.float16))
    assert "is of vgg16" in refusal(other)


def test_a_checkpoint_of_others_is_refused_in_a_sentence(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(pipeline.checkpoint, theirs)
    manifest = json.loads((theirs / "manifest.json").read_text())
    for entry in manifest["languages"].values():
        del entry["decoders"]
    (theirs / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="was not trained here"):
        reopen(theirs, pipeline.features, tmp_path / "runs")
