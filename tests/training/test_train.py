import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import RECIPES, Pipeline
from training import train as training
from training.corpus import load_corpus
from training.maximum_likelihood import learning_rate_schedule
from training.runs import load_run


def log(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_training_makes_the_loss_fall(pipeline: Pipeline):
    losses = [entry["train/loss"] for entry in log(pipeline.runs["en"])]
    assert len(losses) == RECIPES["en"].epochs
    assert losses[-1] < losses[0]


def test_each_epoch_reports_loss_perplexity_and_dev_scores(pipeline: Pipeline):
    for entry in log(pipeline.runs["zh"]):
        assert {"train/loss", "train/perplexity", "dev/perplexity", "dev/CIDEr"} <= set(entry)
        assert {f"dev/BLEU-{n}" for n in range(1, 5)} <= set(entry)


def test_tensorboard_can_read_the_scores(pipeline: Pipeline):
    (events,) = (pipeline.runs["en"] / "tensorboard").iterdir()
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert {"dev/CIDEr", "train/loss"} <= tags


def test_the_best_epoch_by_dev_cider_is_kept(pipeline: Pipeline):
    run = pipeline.runs["en"]
    best = max(log(run), key=lambda entry: entry["dev/CIDEr"])
    assert load_run(run).scores["epoch"] == best["epoch"]
    assert load_run(run).scores["CIDEr"] == best["dev/CIDEr"]


def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Killed(BaseException):
        pass

    def kill_in_the_third_epoch(run, writer, epoch, figures, log=training.log):
        log(run, writer, epoch, figures)
        if epoch == 2:
            raise Killed

    def train() -> None:
        training.train(RECIPES["en"], pipeline.dataset, pipeline.features, tmp_path)

    with monkeypatch.context() as patch:
        patch.setattr(training, "log", kill_in_the_third_epoch)
        with pytest.raises(Killed):
            train()
    assert [entry["epoch"] for entry in log(tmp_path)] == [1, 2]
    train()
    assert [entry["epoch"] for entry in log(tmp_path)] == [1, 2, 3, 4]
    with (
        np.load(tmp_path / "state.npz") as ours,
        np.load(pipeline.runs["en"] / "state.npz") as uninterrupted,
    ):
        assert set(ours) == set(uninterrupted)
        for name in ours:
            np.testing.assert_allclose(ours[name], uninterrupted[name], rtol=1e-4, atol=1e-5)


def test_a_run_folder_of_another_recipe_is_refused(pipeline: Pipeline):
    other = replace(RECIPES["en"], units=25)
    with pytest.raises(ValueError, match="another recipe or dataset"):
        training.train(other, pipeline.dataset, pipeline.features, pipeline.runs["en"])


def test_features_of_another_dataset_are_refused(pipeline: Pipeline, tmp_path: Path):
    facts = json.loads((pipeline.features / "features.json").read_text())
    facts["names"]["dev"][0] = "stranger.jpg"
    (tmp_path / "features.json").write_text(json.dumps(facts))
    (tmp_path / "dev.npy").write_bytes((pipeline.features / "dev.npy").read_bytes())
    with pytest.raises(ValueError, match="no 'en' captions of stranger.jpg"):
        load_corpus(pipeline.dataset, tmp_path, "dev", "en")


@pytest.mark.parametrize("steps_per_epoch", [3, 235, 9000])
def test_the_learning_rate_follows_the_dataset_s_size(steps_per_epoch):
    recipe = RECIPES["en"]
    schedule = learning_rate_schedule(recipe, steps_per_epoch)
    steps = steps_per_epoch * recipe.epochs
    rates = [float(schedule(step)) for step in range(steps + 1)]
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=1e-3)
    assert rates.index(max(rates)) == round(recipe.warm_up * steps)
    assert rates[-1] == pytest.approx(recipe.learning_rate / 100, rel=1e-2)
