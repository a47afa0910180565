"""A recipe in its run folder: kept, resumed, begun from a checkpoint, refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.captioning.captioner import Captioner
from tests.training.conftest import ATTENDING, PLAIN, Pipeline, draw_download, small
from tests.training.scripted import write_dataset
from training.data.datasets import make
from training.inputs import Places
from training.recipes import (
    LanguageConfig,
    MaximumLikelihood,
    Recipe,
    SelfCritical,
    Stage,
    recipe_from_json,
)
from training.run import export_run, train_recipe
from training.train import trainer
from training.train.run_folder import (
    LOG,
    STATE,
    Run,
    load_weights,
    read_log,
    read_record,
    read_vocabulary,
)

SCORED = SelfCritical(epochs=2, batch_size=9, likelihood_batch_size=3, samples=3, max_length=8)
SHORT = replace(
    PLAIN,
    languages={"en": LanguageConfig((small(),))},
    stages=(
        MaximumLikelihood(epochs=2, learning_rate=1e-3, batch_size=4, averaged=2),
        SCORED,
    ),
)


@pytest.fixture(scope="module")
def uninterrupted(places: Places) -> Path:
    train_recipe(SHORT, places.runs / "uninterrupted", places)
    return places.runs / "uninterrupted"


def figures(run: Path) -> list[dict[str, float]]:
    return read_log(run, "en")


@pytest.mark.parametrize("kills", [(0,), (1, 3), (2,)])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    places: Places,
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kills: tuple[int, ...],
):
    """Killed after so many epochs, at the worst moment: evaluated, and nothing of it written."""
    evaluate: Callable = trainer.Trainer._evaluate
    count = 0

    def killed(self):
        nonlocal count
        scores = evaluate(self)
        count += 1
        if count - 1 in kills:
            raise KeyboardInterrupt
        return scores

    monkeypatch.setattr(trainer.Trainer, "_evaluate", killed)
    for _ in kills:
        with pytest.raises(KeyboardInterrupt):
            train_recipe(SHORT, tmp_path / "run", places)
        count -= 1  # that epoch is trained again
        kills = kills[1:]
    monkeypatch.setattr(trainer.Trainer, "_evaluate", evaluate)
    train_recipe(SHORT, tmp_path / "run", places)
    assert figures(tmp_path / "run") == figures(uninterrupted)
    expected, got = load_weights(uninterrupted), load_weights(tmp_path / "run")
    for path, array in expected.items():
        np.testing.assert_array_equal(got[path], array, err_msg=path)


def test_a_finished_training_is_not_trained_again(places: Places, uninterrupted: Path):
    before = (uninterrupted / LOG).read_bytes()
    train_recipe(SHORT, uninterrupted, places)
    assert (uninterrupted / LOG).read_bytes() == before


def test_the_record_says_what_was_run_and_what_is_kept(uninterrupted: Path):
    record = read_record(uninterrupted)
    assert record["recipe"] == json.loads(json.dumps(SHORT.as_json()))
    assert set(record["data"]) == {"flickr8k"}
    assert len(record["encoder"]["weights_sha256"]) == 64
    assert len(record["commits"]) == 1
    losses = ["maximum_likelihood", "self_critical"]
    assert [leg["stage"]["loss"] for leg in record["legs"]] == losses
    assert [leg["epochs_run"] for leg in record["legs"]] == [2, 2]
    log = figures(uninterrupted)
    for leg, epochs in zip(record["legs"], (log[:2], log[2:]), strict=True):
        if leg["epoch_kept"] in (1, 2):
            kept = epochs[leg["epoch_kept"] - 1]
            assert leg["scores"]["en"]["CIDEr"] == kept["dev/CIDEr"]


def test_what_is_kept_is_the_best(uninterrupted: Path):
    best = max(entry["dev/CIDEr"] for entry in figures(uninterrupted))
    legs = read_record(uninterrupted)["legs"]
    kept = [leg["scores"]["en"]["CIDEr"] for leg in legs if leg["scores"]]
    assert kept[-1] >= best


def test_dev_photos_are_captioned_after_so_many_epochs_and_after_the_last(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture
):
    stage = MaximumLikelihood(
        epochs=5, learning_rate=1e-3, batch_size=4, averaged=3, evaluated_every=2
    )
    train_recipe(replace(SHORT, stages=(stage,)), tmp_path, places)
    told = [line.split(":")[0].split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert told == ["1", "2", "3", "4", "5", "mean"]
    log = (tmp_path / LOG).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == [2, 4, 5]
    assert [entry["epoch"] for entry in figures(tmp_path)] == [2, 4, 5]


def test_its_curves_and_samples_are_drawn(uninterrupted: Path):
    assert (uninterrupted / "curves-en.png").read_bytes().startswith(b"\x89PNG")
    samples = (uninterrupted / "samples" / "en" / "epoch-01.md").read_text()
    assert samples.count("- caption: ") == samples.count("- reference: ") == 6


def test_a_folder_of_another_recipe_is_refused(places: Places, uninterrupted: Path):
    other = replace(SHORT, seed=2)
    with pytest.raises(ValueError, match=r"on other data \(another recipe\); choose another --run"):
        train_recipe(other, uninterrupted, places)


def test_a_recipe_written_before_there_was_a_value_is_the_same_recipe(
    places: Places, uninterrupted: Path, tmp_path: Path
):
    shutil.copytree(uninterrupted, tmp_path / "run")
    record = read_record(tmp_path / "run")
    del record["recipe"]["clip_norm"], record["recipe"]["stages"][0]["encoder_rate"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    train_recipe(SHORT, tmp_path / "run", places)
    assert read_record(tmp_path / "run")["legs"] == read_record(uninterrupted)["legs"]


def test_what_was_stopped_before_it_had_weights_is_begun_anew(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also by another recipe, whose words are others."""

    def stopped(self, model):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "keep", stopped)
        train_recipe(SHORT, tmp_path / "run", places)
    assert read_record(tmp_path / "run") and read_vocabulary(tmp_path / "run", "en")
    styled = LanguageConfig((small(),), styles=(("<few>", 20),), start="<few>")
    recipe = replace(SHORT, languages={"en": styled}, stages=SHORT.stages[:1])
    train_recipe(recipe, tmp_path / "run", places)
    assert "<few>" in read_vocabulary(tmp_path / "run", "en").words
    assert recipe_from_json(read_record(tmp_path / "run")["recipe"]) == recipe


def test_a_language_without_dev_captions_is_refused_before_it_is_trained(
    places: Places, tmp_path: Path
):
    download = draw_download(tmp_path / "download")
    chinese = download / "Flickr8k_text" / "flickr8kzhc.caption.txt"
    dev = (download / "Flickr8k_text" / "Flickr_8k.devImages.txt").read_text().split()
    lines = chinese.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.split("#")[0] not in dev]
    chinese.write_text("".join(kept), encoding="utf-8")
    ours = replace(places, data=tmp_path / "data", features=tmp_path / "features")
    make(download, ours.data / "flickr8k", shards=1)
    with pytest.raises(ValueError, match="flickr8k: no dev photo has 'zh' captions"):
        train_recipe(PLAIN, tmp_path / "run", ours)
    assert not (tmp_path / "run" / LOG).exists()


def test_a_collection_without_dev_photos_is_learned_from(places: Places, tmp_path: Path):
    ours = replace(places, data=tmp_path / "data", features=tmp_path / "features")
    shutil.copytree(places.data / "flickr8k", ours.data / "flickr8k")
    write_dataset(ours.data / "more", {width: [f"a large {width} page"] for width in (90, 95)})
    recipe = replace(SHORT, stages=SHORT.stages[:1], data=("flickr8k", "more"))
    train_recipe(recipe, tmp_path / "run", ours)
    assert read_record(tmp_path / "run")["legs"][0]["epochs_run"] == 2
    with pytest.raises(ValueError, match="has more in dev, which has no dev photos"):
        train_recipe(replace(recipe, dev=("flickr8k", "more")), tmp_path / "other", ours)


def test_the_encoder_s_stage_is_trained_where_the_recipe_says_so(attending: Pipeline):
    from training.data.features import load_stage

    record = read_record(attending.run)
    assert record["legs"][1]["stage"]["encoder"] == "stage"
    weights = record["encoder"]["weights_sha256"]
    before = load_stage(attending.places.features / f"tiny-grid-{weights[:8]}")
    after = [
        array for path, array in load_weights(attending.run).items() if "encoder_stage/" in path
    ]
    same = all(map(np.array_equal, before, after))
    assert same == (record["legs"][1]["epoch_kept"] == 0)


def going_on_from(checkpoint: str, stage: Stage) -> Recipe:
    return replace(
        ATTENDING, stages=(stage,), begin_from=checkpoint, begin_with=("encoder_stage", "en")
    )


def beginning(attending: Pipeline, folder: Path) -> Places:
    """A copy of its checkpoint, as it was exported before whole encoders were trained."""
    shutil.copytree(attending.checkpoint, folder / "attending")
    manifest = json.loads((folder / "attending" / "manifest.json").read_text())
    del manifest["encoder"]["weights_sha256"], manifest["weights"]["encoder"]
    (folder / "attending" / "manifest.json").write_text(json.dumps(manifest))
    return replace(attending.places, models=folder)


def test_a_training_goes_on_from_a_checkpoint(attending: Pipeline, tmp_path: Path):
    """With its weights, as int8 has left them, its words, and its history."""
    places = beginning(attending, tmp_path / "models")
    stage = MaximumLikelihood(epochs=1, learning_rate=1e-6, batch_size=2)
    going_on = going_on_from("attending", stage)
    train_recipe(going_on, tmp_path / "run", places)
    record = read_record(tmp_path / "run")
    assert record["began_from"]["checkpoint"] == "attending"
    began = record["began_from"]["training"]["en"]["legs"]
    assert began == read_record(attending.run)["legs"]
    # Though its captions are no better than those that came with the checkpoint.
    assert record["legs"][0]["epoch_kept"] == 1
    before, after = load_weights(attending.run), load_weights(tmp_path / "run")
    for path, array in before.items():
        difference = np.abs(after[path] - array).max()
        assert difference <= 0.02 * max(1e-3, np.abs(array).max()), path
    vocabularies = [run / "vocabulary_en.txt" for run in (attending.run, tmp_path / "run")]
    assert len({path.read_bytes() for path in vocabularies}) == 1
    # From here on it needs it no more.
    shutil.rmtree(places.models)
    train_recipe(going_on, tmp_path / "run", places)
    assert Captioner.load(export_run(tmp_path / "run", tmp_path / "exported", places))


def test_training_by_the_score_has_to_be_better_than_what_it_began_from(
    attending: Pipeline, tmp_path: Path
):
    recipe = going_on_from("attending", replace(SCORED, epochs=1, learning_rate=0.0))
    train_recipe(recipe, tmp_path / "run", beginning(attending, tmp_path / "models"))
    (leg,) = read_record(tmp_path / "run")["legs"]
    (epoch,) = figures(tmp_path / "run")
    assert leg["epoch_kept"] == 0
    assert leg["scores"]["en"]["CIDEr"] == epoch["dev/CIDEr"]


@pytest.mark.parametrize(("charge", "kept"), [(0.0, 2), (0.5, 1)])
def test_an_epoch_is_chosen_by_what_the_stage_charges_too(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, charge: float, kept: int
):
    scores = iter([{"CIDEr": 50.0, "unsupported": 0.1}, {"CIDEr": 60.0, "unsupported": 0.5}])
    evaluate: Callable = trainer.Trainer._evaluate
    monkeypatch.setattr(
        trainer.Trainer, "_evaluate", lambda self: {"en": evaluate(self)["en"] | next(scores)}
    )
    train_recipe(replace(SHORT, stages=(replace(SCORED, charge=charge),)), tmp_path / "run", places)
    assert read_record(tmp_path / "run")["legs"][0]["epoch_kept"] == kept


def test_one_language_is_exported_from_a_run_and_the_other_from_a_checkpoint(
    pipeline: Pipeline, uninterrupted: Path, tmp_path: Path
):
    exported = export_run(uninterrupted, tmp_path / "both", pipeline.places, pipeline.checkpoint)
    captioner = Captioner.load(exported)
    assert captioner.languages == ("en", "zh")
    manifest = json.loads((exported / "manifest.json").read_text())
    assert manifest["training"]["en"]["legs"] == read_record(uninterrupted)["legs"]
    before = json.loads((pipeline.checkpoint / "manifest.json").read_text())
    assert manifest["training"]["zh"] == before["training"]["zh"]
    # They were measured of other graphs.
    assert {"scores", "confidence"} <= before["languages"]["zh"].keys()
    assert not {"scores", "confidence"} & manifest["languages"]["zh"].keys()
    photo = np.full((50, 60, 3), 200, np.uint8)
    ours, theirs = (
        one.caption(photo, "zh")[0] for one in (captioner, Captioner.load(pipeline.checkpoint))
    )
    assert ours.text == theirs.text


def test_a_language_of_another_encoder_is_not_taken(
    pipeline: Pipeline, uninterrupted: Path, tmp_path: Path
):
    """Its decoder would see features that it does not know, of the same shape."""
    shutil.copytree(pipeline.checkpoint, tmp_path / "other")
    path = tmp_path / "other" / "manifest.json"
    manifest = json.loads(path.read_text())
    for changes in ({"name": "tinier"}, {"weights_sha256": 64 * "0"}):
        path.write_text(json.dumps(manifest | {"encoder": manifest["encoder"] | changes}))
        with pytest.raises(ValueError, match="has another encoder than the run"):
            export_run(uninterrupted, tmp_path / "both", pipeline.places, tmp_path / "other")


def test_the_whole_encoder_is_trained_and_what_follows_sees_it(places: Places, tmp_path: Path):
    recipe = replace(
        ATTENDING,
        stages=(
            MaximumLikelihood(epochs=1, learning_rate=1e-3, batch_size=6, encoder="whole"),
            MaximumLikelihood(epochs=1, learning_rate=1e-3, batch_size=6),
        ),
    )
    train_recipe(recipe, tmp_path / "run", places)
    assert [leg["epochs_run"] for leg in read_record(tmp_path / "run")["legs"]] == [1, 1]
    shutil.copytree(tmp_path / "run", tmp_path / "half")
    (tmp_path / "half" / "encoder.npz").unlink()
    with pytest.raises(ValueError, match="is training its whole encoder"):
        export_run(tmp_path / "half", tmp_path / "whole", places)
    folders = sorted(places.features.glob("tiny-grid-*"))
    assert len(folders) == 2
    trained, untrained = (np.load(one / "flickr8k" / "dev-grid.npy") for one in folders)
    assert not np.array_equal(trained, untrained)
    with np.load(tmp_path / "run" / "encoder.npz") as arrays:
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    checkpoint = export_run(tmp_path / "run", tmp_path / "whole", places)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    record = read_record(tmp_path / "run")
    assert manifest["encoder"]["weights_sha256"] != record["encoder"]["weights_sha256"]
    assert Captioner.load(checkpoint).caption(np.zeros((9, 9, 3), np.uint8), "en")


def test_a_training_goes_on_from_a_checkpoint_whose_whole_encoder_was_trained(
    places: Places, tmp_path: Path
):
    """Also when what it began from has made room for it."""
    places = replace(places, models=tmp_path)
    whole = MaximumLikelihood(epochs=1, learning_rate=1e-3, batch_size=6, encoder="whole")
    recipe = replace(ATTENDING, stages=(whole,))
    train_recipe(recipe, tmp_path / "run", places)
    export_run(tmp_path / "run", tmp_path / "checkpoint", places)
    stage = MaximumLikelihood(epochs=1, learning_rate=1e-6, batch_size=6)
    train_recipe(going_on_from("checkpoint", stage), tmp_path / "next", places)
    before, after = (
        dict(np.load(tmp_path / run / file))
        for run, file in (("run", "encoder.npz"), ("next", "first_encoder.npz"))
    )
    assert list(after) == list(before)
    for name, array in before.items():
        difference = np.abs(after[name] - array).max()
        assert difference <= 0.02 * max(1e-3, np.abs(array).max()), name
    (tmp_path / "checkpoint").rename(tmp_path / "other")
    export_run(tmp_path / "next", tmp_path / "both", places, tmp_path / "other")
    (tmp_path / "other").rename(tmp_path / "checkpoint")
    first = Captioner.load(tmp_path / "checkpoint")
    (tmp_path / "checkpoint").rename(tmp_path / "gone")
    second = Captioner.load(export_run(tmp_path / "next", tmp_path / "checkpoint", places))
    photo = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    one, other = (captioner.encode(photo).features["grid"] for captioner in (first, second))
    np.testing.assert_allclose(one, other, atol=0.1 * np.abs(one).max())


def test_a_training_of_the_whole_encoder_alone_needs_photos_and_no_features(
    places: Places, tmp_path: Path
):
    recipe = replace(
        ATTENDING,
        languages={name: LanguageConfig((small("soft_attention"),)) for name in ("en", "zh")},
        stages=(
            MaximumLikelihood(epochs=1, batch_size=6, encoder="whole", encoder_rate=0.1),
            SelfCritical(
                epochs=1, batch_size=9, likelihood_batch_size=3, samples=3, encoder="whole"
            ),
        ),
        augmentations=8,
    )
    ours = replace(places, features=tmp_path / "features", runs=tmp_path)
    train_recipe(recipe, tmp_path / "run", ours)
    assert [leg["decoders"] for leg in read_record(tmp_path / "run")["legs"]] == [["en", "zh"]] * 2
    english, chinese = (read_log(tmp_path / "run", name)[-1] for name in ("en", "zh"))
    assert english["train/loss"] == chinese["train/loss"]
    assert english["train/reward"] != chinese["train/reward"]
    checkpoint = export_run(tmp_path / "run", tmp_path / "whole", ours)
    assert not [*ours.features.rglob("*-grid.npy")]
    captioner = Captioner.load(checkpoint)
    assert all(captioner.caption(np.zeros((9, 9, 3), np.uint8), name) for name in ("en", "zh"))


def test_a_run_that_was_copied_without_its_weights_is_not_begun_anew(
    uninterrupted: Path, places: Places, tmp_path: Path
):
    shutil.copytree(uninterrupted, tmp_path / "run")
    (tmp_path / "run" / "weights.npz").unlink()
    with pytest.raises(ValueError, match="has lost its weights.npz or its run.json"):
        train_recipe(SHORT, tmp_path / "run", places)
    assert read_record(tmp_path / "run")["legs"] == read_record(uninterrupted)["legs"]


def test_a_damaged_state_is_a_sentence(uninterrupted: Path, places: Places, tmp_path: Path):
    shutil.copytree(uninterrupted, tmp_path / "run")
    (tmp_path / "run" / STATE).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ValueError, match="state.npz is damaged"):
        train_recipe(SHORT, tmp_path / "run", places)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"stages": (MaximumLikelihood(1, encoder="half"),)}, "frozen, stage or whole"),
        ({"stages": (MaximumLikelihood(1, decoders=("fr",)),)}, "trains fr, which there is not"),
        ({"stages": (MaximumLikelihood(1, encoder="stage"),)}, "set grid"),
        ({"stages": (MaximumLikelihood(1, evaluated_every=0),)}, "evaluated_every is at least 1"),
        ({"stages": (SelfCritical(1, samples=1),)}, "compared with others: 1 are too few"),
        (
            {"stages": (MaximumLikelihood(1, encoder="stage", decoders=("en",)),), "grid": True},
            "trained with all decoders",
        ),
        ({"languages": {"en": LanguageConfig(start="<long>")}}, "captions start with <start>"),
        (
            {"languages": {"zh": LanguageConfig(styles=(("<long>", 20),))}},
            "captions start with <long>: '<start>'",
        ),
    ],
)
def test_parts_of_a_recipe_that_do_not_suit_each_other_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(PLAIN, **changes).check()


def test_the_first_collection_chooses_the_epoch_where_none_is_named():
    recipe = replace(PLAIN, data=("mine", "flickr8k"), dev=())
    assert recipe.dev == ("mine",)


def test_a_recipe_survives_json():
    from training.recipes import load_recipe, recipe_from_json, recipe_names

    for name in recipe_names():
        recipe: Recipe = load_recipe(name)
        assert recipe_from_json(json.loads(json.dumps(recipe.as_json()))) == recipe, name
