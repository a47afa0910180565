import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import RECIPES, Pipeline
from training.recipes import Likelihood
from training.train.average import average
from training.train.evaluate_run import follow, load_dev
from training.train.runs import kept_epoch, load_run, save_weights
from training.train.train import train


@pytest.fixture(scope="module")
def shorter(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The English training, ended after two epochs."""
    run = tmp_path_factory.mktemp("average") / "shorter"
    recipe = replace(RECIPES["en"], likelihood=Likelihood(epochs=2))
    train(recipe, pipeline.dataset, pipeline.features, run)
    return run


def test_each_weight_is_the_mean_of_those_of_the_runs(
    pipeline: Pipeline, shorter: Path, tmp_path: Path
):
    runs = [shorter, pipeline.runs["en"]]
    scores = average(runs, pipeline.features, pipeline.dataset, tmp_path / "out")
    ends, mean = [load_run(run).decoder.get_weights() for run in runs], load_run(tmp_path / "out")
    for first, second, ours in zip(*ends, mean.decoder.get_weights(), strict=True):
        np.testing.assert_allclose(ours, (first + second) / 2, rtol=1e-5, atol=1e-7)
    assert mean.scores == scores
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["average_of"] == ["shorter", "en"]


def test_the_mean_is_followed_as_a_training_that_is_over(
    pipeline: Pipeline, shorter: Path, tmp_path: Path
):
    runs, out = [shorter, pipeline.runs["en"]], tmp_path / "out"
    scores = average(runs, pipeline.features, pipeline.dataset, out)
    dev = load_dev(out, pipeline.dataset, pipeline.features)
    (figures,) = follow(out, dev, seconds=0.01)
    assert figures["epoch"] == kept_epoch(pipeline.runs["en"])
    assert figures["CIDEr"] == scores["CIDEr"]


def test_another_run_s_tail_takes_the_place_of_the_averaged(attending: Pipeline, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(attending.runs["en"], other)
    trained = load_run(other)
    trained.decoder.set_weights([1.1 * one for one in trained.decoder.get_weights()])
    save_weights(other, trained.decoder)
    out = tmp_path / "out"
    average([attending.runs["en"]], attending.features, attending.dataset, out, tail=other)
    ours, theirs = load_run(out).decoder, load_run(attending.runs["en"]).decoder
    for got, expected in zip(ours.front.weights, trained.decoder.front.weights, strict=True):
        assert np.array_equal(got, expected)
    assert np.array_equal(ours.logits.get_weights()[0], theirs.logits.get_weights()[0])


def test_runs_of_different_words_are_refused(pipeline: Pipeline, tmp_path: Path):
    runs = [pipeline.runs["en"], pipeline.runs["zh"]]
    with pytest.raises(ValueError, match="has another decoder or other words than"):
        average(runs, pipeline.features, pipeline.dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()
