"""The training of encoder and decoders together, on TensorFlow; on JAX it runs the same lines."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import RECIPES, TINY, Pipeline
from training import encoders
from training.data import features
from training.data.corpus import Batch
from training.end_to_end import adopt, hand_over, likelihood, pack, score
from training.end_to_end.model import Encoder, load_decoder
from training.end_to_end.packed import load_packed
from training.recipes import Likelihood, SelfCritical
from training.train.runs import load_run

SMALL = {
    "soft_en": replace(
        RECIPES["en"],
        decoder="soft_attention",
        photos=6,
        likelihood=Likelihood(epochs=6, learning_rate=2e-2),
        fine_tuning=Likelihood(epochs=2, learning_rate=2e-3),
        self_critical=SelfCritical(epochs=1, photos=6, samples=3, words=8, dropout=True),
    ),
}
SMALL["soft_zh"] = replace(SMALL["soft_en"], language="zh")


@pytest.fixture(scope="module")
def packed(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed")
    pack.pack(pipeline.dataset, TINY.name, pipeline.weights, out)
    return out


@pytest.fixture(scope="module", autouse=True)
def _small_recipes():
    with pytest.MonkeyPatch.context() as patch:
        for module in (adopt, likelihood, score):
            patch.setattr(module, "load_recipe", SMALL.__getitem__)
        yield


@pytest.fixture(scope="module")
def trained(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    likelihood.train(packed, TINY.name, list(SMALL), out, views=2)
    return out


def test_a_pack_holds_what_the_dataset_holds(packed: Path):
    train, dev = (load_packed(packed, split, views=2) for split in ("train", "dev"))
    assert train.photos.shape == (2, 18, 224, 224, 3)
    assert dev.names == [f"{number}.jpg" for number in range(18, 24)]
    red = train.photos[0, 0].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(red, (0xC0, 0, 0), atol=4)
    assert train.captions[0]["en"][0] == ["a", "large", "red", "square", "on", "a", "red", "page"]
    assert len(dev.corpus("zh").captions) == 6


def test_the_loss_falls_and_the_encoder_is_trained(packed: Path, trained: Path):
    log = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [line["whole"] for line in log] == [False] * 6 + [True] * 2
    losses = [line["loss"] for line in log]
    assert losses[-1] < 0.7 * losses[0]
    before, after = (encoders.read_weights(folder / "encoder.npz") for folder in (packed, trained))
    for layer in (0, -1):
        assert np.abs(before[layer][0] - after[layer][0]).max() > 1e-4


def test_what_was_trained_is_taken_on_as_a_run(pipeline: Pipeline, trained: Path, tmp_path: Path):
    """And says on the int8 encoder's features what the training heard on float ones."""
    features.compute(
        pipeline.dataset, TINY.name, trained / "encoder.npz", tmp_path / "f", 1, 1, "map"
    )
    run = tmp_path / "run"
    scores = adopt.adopt(trained, "soft_en", pipeline.dataset, tmp_path / "f", run)
    assert load_run(run).scores["CIDEr"] == pytest.approx(scores["CIDEr"])
    with np.load(trained / "soft_en.npz") as arrays:
        greedy = float(arrays["score_BLEU-1"])
    assert scores["BLEU-1"] == pytest.approx(greedy, abs=15)
    assert greedy > 50


def test_the_score_is_trained_with_the_encoder_left_alone(packed: Path, trained: Path, capsys):
    before = (trained / "encoder.npz").read_bytes()
    score.train(packed, TINY.name, "soft_en", trained, views=2)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["reward"] > 0
    assert (trained / "encoder.npz").read_bytes() == before


def test_decoders_of_a_run_are_handed_over_with_their_tail(attending: Pipeline, tmp_path: Path):
    run, out = attending.runs["en"], tmp_path / "out"
    hand_over.hand_over([run], ["top_down"], attending.weights, out)
    decoder = load_run(run).decoder
    expected = [one.astype(np.float16) for one in decoder.get_weights()]
    load_decoder(out / "top_down.npz", decoder)
    assert all(map(np.array_equal, decoder.get_weights(), expected))
    assert TINY.tail is not None
    tail = TINY.tail(encoders.read_weights(out / "encoder.npz"))
    for ours, theirs in zip(tail, decoder.front.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_decoders_of_different_tails_are_not_handed_over(attending: Pipeline, tmp_path: Path):
    run, other = attending.runs["en"], tmp_path / "other"
    shutil.copytree(run, other)
    with np.load(run / "best.npz") as arrays:
        np.savez(other / "best.npz", **{name: arrays[name] * 2 for name in arrays})
    with pytest.raises(ValueError, match="different tails"):
        hand_over.hand_over([run, other], ["a", "b"], attending.weights, tmp_path / "out")


def test_captions_are_made_of_one_length():
    batch = Batch(np.zeros((1, 2)), *np.ones((3, 4, 5)))
    for time in (3, 5, 7):
        longer = likelihood.lengthened(batch, time)
        assert longer.inputs.shape == longer.targets.shape == longer.mask.shape == (4, time)
        assert longer.mask.sum() == 4 * min(5, time)


def test_what_cannot_be_trained_so_is_refused_before_anything_is_read(tmp_path: Path, monkeypatch):
    silent = replace(SMALL["soft_en"], self_critical=SelfCritical(epochs=0))
    apart = replace(SMALL["soft_zh"], likelihood=Likelihood(epochs=1))
    sampling = replace(SMALL["soft_en"], likelihood=Likelihood(scheduled_sampling=0.2))
    recipes = SMALL | {"silent": silent, "apart": apart, "sampling": sampling}
    monkeypatch.setattr(score, "load_recipe", recipes.__getitem__)
    monkeypatch.setattr(likelihood, "load_recipe", recipes.__getitem__)
    with pytest.raises(ValueError, match="the recipe silent has no self-critical stage"):
        score.train(tmp_path, TINY.name, "silent", tmp_path, views=1)
    with pytest.raises(ValueError, match="the same first two stages"):
        likelihood.train(tmp_path, TINY.name, ["soft_en", "apart"], tmp_path, views=1)
    with pytest.raises(ValueError, match="neither scheduled sampling"):
        likelihood.train(tmp_path, TINY.name, ["sampling"], tmp_path, views=1)


def test_commands_end_with_a_sentence(tmp_path: Path, monkeypatch, capsys):
    arguments = f"--packed {tmp_path} --encoder tiny --recipe soft_en --out {tmp_path}/none"
    monkeypatch.setattr(sys, "argv", ["score", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        score.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"no weights at {tmp_path}/none/encoder.npz\n"


def test_a_decoder_of_another_size_is_refused(attending: Pipeline, tmp_path: Path):
    decoder = load_run(attending.runs["en"]).decoder
    np.savez(tmp_path / "other.npz", weights_0=np.zeros(3))
    with pytest.raises(ValueError, match="holds another decoder"):
        load_decoder(tmp_path / "other.npz", decoder)


def test_an_encoder_without_a_tail_is_refused():
    with pytest.raises(ValueError, match="xception has no tail"):
        Encoder("xception", [])
