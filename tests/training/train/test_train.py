import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from app.captioning.vocabulary import SPECIAL, Vocabulary
from tests.training.conftest import ATTENDING, RECIPES, Pipeline
from training.data.features import load_features
from training.data.loading import load_corpus
from training.data.word2vec import save_word2vec
from training.recipes import Likelihood
from training.train.runs import load_run, why_ended
from training.train.schedule import learning_rate_schedule
from training.train import train as training


def log(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_training_makes_the_loss_fall(pipeline: Pipeline):
    losses = [entry["train/loss"] for entry in log(pipeline.runs["en"])]
    assert len(losses) == RECIPES["en"].all_epochs
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
    stage = RECIPES["en"].likelihood
    schedule = learning_rate_schedule(stage, steps_per_epoch)
    steps = steps_per_epoch * stage.epochs
    peak = round(stage.warm_up * steps)
    rates = {step: float(schedule(step)) for step in {*range(0, steps, -(-steps // 50)), peak}}
    assert max(rates, key=rates.__getitem__) == peak
    assert rates[peak] == pytest.approx(stage.learning_rate, rel=1e-3)
    assert float(schedule(steps)) == pytest.approx(stage.learning_rate / 100, rel=1e-2)


def test_curves_are_drawn(pipeline: Pipeline):
    with Image.open(pipeline.runs["en"] / "curves.png") as picture:
        assert picture.format == "PNG"


def test_the_same_photos_are_sampled_after_each_epoch(pipeline: Pipeline):
    run = pipeline.runs["zh"]
    samples = [
        (run / "samples" / f"epoch-{epoch:02}.md").read_text().splitlines()
        for epoch in range(1, RECIPES["zh"].all_epochs + 1)
    ]
    photos = {tuple(line for line in lines if line.startswith("## ")) for lines in samples}
    assert photos == {tuple(f"## {number}.jpg" for number in range(18, 24))}
    assert samples[-1][0] == "# After epoch 4"
    assert samples[-1][5] == "- a person: 一个红色的方块。"


def test_a_training_that_gets_no_better_ends_early_also_after_a_resume(
    pipeline: Pipeline, tmp_path: Path
):
    still = replace(RECIPES["en"], likelihood=Likelihood(epochs=4, learning_rate=0.0))

    def train(patience: int) -> list[int]:
        training.train(still, pipeline.dataset, pipeline.features, tmp_path, patience=patience)
        return [entry["epoch"] for entry in log(tmp_path)]

    assert train(patience=1) == [1, 2]
    assert train(patience=2) == [1, 2, 3]
    assert why_ended(tmp_path) == "no better dev CIDEr since epoch 1"


def test_without_patience_a_training_ends_after_its_last_epoch(pipeline: Pipeline):
    assert why_ended(pipeline.runs["en"]) == "all 4 epochs are done"


def test_the_words_may_start_from_vectors(pipeline: Pipeline, tmp_path: Path):
    vocabulary = Vocabulary.load(pipeline.dataset / "vocabulary_en.txt")
    vectors = np.random.default_rng(0).normal(size=(len(vocabulary), 24)).astype(np.float32)
    save_word2vec(tmp_path / "vectors.npz", vectors, vocabulary)
    inputs = RECIPES["en"], pipeline.dataset, pipeline.features, tmp_path / "run"
    trainer = training.prepare(*inputs, tmp_path / "vectors.npz")
    np.testing.assert_array_equal(trainer.decoder.word_embedding.get_weights()[0], vectors)
    with pytest.raises(ValueError, match=r"\(word2vec_sha256 differ\)"):
        training.prepare(*inputs)


def test_styles_have_random_vectors_beside_those_of_the_words(tmp_path: Path):
    words = Vocabulary([*SPECIAL, "dog", "red"])
    vectors = np.random.default_rng(0).normal(0, 0.1, (5, 24)).astype(np.float32)
    save_word2vec(tmp_path / "vectors.npz", vectors, words)
    recipe = replace(RECIPES["en"], styles=(("<short>", 4), ("<long>", 20)))
    embeddings = training.load_embeddings(tmp_path / "vectors.npz", recipe, words)
    assert (embeddings.shape, embeddings.dtype) == ((7, 24), np.float32)
    np.testing.assert_array_equal(embeddings[:5], vectors)
    assert embeddings[5:].std() == pytest.approx(0.1, rel=0.5)


def test_vectors_of_another_size_are_refused(pipeline: Pipeline, tmp_path: Path):
    vocabulary = Vocabulary.load(pipeline.dataset / "vocabulary_en.txt")
    save_word2vec(tmp_path / "vectors.npz", np.zeros((len(vocabulary), 23)), vocabulary)
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="vectors of 23 numbers, but .* embedding has 24"):
        training.prepare(
            RECIPES["en"], pipeline.dataset, pipeline.features, run, tmp_path / "vectors.npz"
        )
    assert not run.exists()


def test_a_tail_trained_by_another_run_is_taken_over(attending: Pipeline, tmp_path: Path):
    recipe = replace(ATTENDING, likelihood=Likelihood(epochs=1), fine_tuning=Likelihood(epochs=0))
    inputs = recipe, attending.dataset, attending.features, tmp_path / "run"
    training.train(*inputs, tail=attending.runs["en"])
    begun_from, kept = (
        load_run(run).decoder.front.get_weights() for run in (attending.runs["en"], inputs[-1])
    )
    assert all(map(np.array_equal, begun_from, kept))
    untrained = load_features(attending.features, "dev").tail
    assert not all(map(np.array_equal, untrained, kept))
    with pytest.raises(ValueError, match=r"\(tail_sha256 differ\)"):
        training.prepare(*inputs)


def test_a_tail_of_other_features_is_refused(
    pipeline: Pipeline, attending: Pipeline, tmp_path: Path
):
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="has no tail: compute it with --kind map"):
        training.prepare(
            RECIPES["en"], pipeline.dataset, pipeline.features, run, tail=pipeline.runs["en"]
        )
    with pytest.raises(ValueError, match="learned from other features"):
        training.prepare(
            ATTENDING, attending.dataset, attending.features, run, tail=pipeline.runs["en"]
        )
    assert not run.exists()


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--recipe", "nonesuch", "there is no recipe 'nonesuch'; there are "),
        ("--dataset", "nowhere", "No such file"),
        ("--features", "nowhere", "No such file"),
        ("--word2vec", "nowhere", "No such file"),
        ("--tail", "nowhere", "has no tail"),
        ("--patience", "0", "at least 1"),
    ],
)
def test_the_command_says_what_is_wrong_in_a_sentence(
    pipeline: Pipeline,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    sentence: str,
):
    options = {
        "--recipe": "show_and_tell_en",
        "--dataset": str(pipeline.dataset),
        "--features": str(pipeline.features),
        "--run": str(tmp_path / "run"),
        option: value,
    }
    with pytest.raises(SystemExit):
        training.main([text for pair in options.items() for text in pair])
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
