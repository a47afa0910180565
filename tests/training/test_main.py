"""The command `python -m training`: what it does, and that what goes wrong is a sentence."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result

from app.captioning.captioner import Captioner
from app.config import ROOT
from tests.training.conftest import PLAIN, Pipeline, draw_download, small
from training import recipes
from training.__main__ import import_backend, in_sentences, main
from training.data.datasets import open_split
from training.data.features import FACTS
from training.inputs import Places
from training.recipes import LanguageConfig, MaximumLikelihood, recipe_names
from training.train.run_folder import RUN, STATE

TINY_RECIPE = replace(
    PLAIN,
    languages={"en": LanguageConfig((small(),))},
    stages=(MaximumLikelihood(epochs=1, learning_rate=1e-3, batch_size=6),),
)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def folders(places: Places) -> list[object]:
    named = [(f"--{name}", folder) for name, folder in vars(places).items()]
    return [one for pair in named for one in pair]


def refused(*arguments: object) -> str:
    """What it says on stderr: one sentence, and no traceback."""
    result = call(*arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""
    return result.stderr


@pytest.fixture
def empty(tmp_path: Path) -> Places:
    return Places(*(tmp_path / name for name in ("data", "weights", "features", "runs", "models")))


@pytest.fixture
def tiny_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every recipe is here."""
    monkeypatch.setattr(recipes, "load_recipe", lambda name: TINY_RECIPE)


def test_help_lists_the_verbs_without_tensorflow():
    code = (
        "import sys; from training.__main__ import main; main(['--help'], standalone_mode=False); "
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert shown.rstrip().endswith("False False")
    for name, verb in main.commands.items():
        assert f"  {name} " in shown
        assert verb.help and call(name, "--help").exit_code == 0


def test_an_error_is_all_that_a_process_of_its_own_says(tmp_path: Path):
    command = [sys.executable, "-m", "training", "evaluate", "--model", str(tmp_path)]
    command += ["--dataset", str(tmp_path), "--language", "en"]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


def test_data_makes_a_dataset_of_a_download(tmp_path: Path):
    root = draw_download(tmp_path / "download")
    result = call("data", "--root", root, "--out", tmp_path / "flickr8k", "--shards", 2)
    assert result.exit_code == 0
    assert "train" in result.stdout
    assert len(list(open_split(tmp_path / "flickr8k", "train"))) == 18
    assert "has no folder of photos" in refused("data", "--root", tmp_path, "--out", root / "out")


def test_run_goes_from_a_dataset_to_a_checkpoint_and_its_parts_do_the_same(
    pipeline: Pipeline, tmp_path: Path, tiny_recipe: None
):
    """Of features that are there."""
    places = replace(pipeline.places, runs=tmp_path / "runs", models=tmp_path / "models")
    assert call("features", "any", *folders(places)).exit_code == 0
    assert call("train", "any_recipe", *folders(places)).exit_code == 0
    before = (places.runs / "any_recipe" / RUN).read_bytes()
    result = call("run", "any_recipe", *folders(places))
    assert result.exit_code == 0
    checkpoint = places.models / "any-recipe"
    assert result.stdout.splitlines()[-1] == str(checkpoint)
    steps = [line.split(",")[0].split(" to ")[0] for line in result.stderr.splitlines()]
    assert steps == ["Features and training", "Export", "Evidence", "Scores", "Confidence"]
    assert Captioner.load(checkpoint).languages == ("en",)
    assert (places.runs / "any_recipe" / RUN).read_bytes() == before
    exported = call("export", places.runs / "any_recipe", "--name", "again", *folders(places))
    assert exported.stdout.splitlines()[-1] == str(places.models / "again")
    measured = call(
        *("evaluate", "--model", checkpoint, "--dataset", pipeline.dataset, "--language", "en")
    )
    assert json.loads(measured.stdout)["photos"] == 6


@pytest.mark.parametrize("verb", ["run", "train", "features", "zoo"])
def test_an_unknown_recipe_is_answered_with_those_there_are(verb: str, empty: Places):
    said = refused(verb, "none", *folders(empty))
    assert "there is no recipe 'none'" in said
    assert all(name in said for name in recipe_names())


def test_missing_weights_are_named_with_the_page_that_says_where_they_are(
    empty: Places, monkeypatch: pytest.MonkeyPatch
):
    said = refused("train", "show_and_tell_en_efficientnet_lite3", *folders(empty))
    assert str(empty.weights) in said and "docs/encoders.md" in said


def test_a_missing_dataset_is_named(pipeline: Pipeline, empty: Places, tiny_recipe: None):
    """Whether features of its encoder are there already or not."""
    for features in (pipeline.places.features, empty.features):
        places = replace(pipeline.places, data=empty.data, features=features, runs=empty.runs)
        assert f"{empty.data / 'flickr8k'} is no dataset" in refused("run", "any", *folders(places))


def test_features_that_were_copied_are_trained_on_without_their_dataset(
    pipeline: Pipeline, empty: Places, tiny_recipe: None
):
    places = replace(pipeline.places, data=empty.data, runs=empty.runs)
    assert call("train", "any", *folders(places)).exit_code == 0
    assert (places.runs / "any" / RUN).exists()


def test_copied_features_that_are_too_few_are_refused(
    pipeline: Pipeline, empty: Places, monkeypatch: pytest.MonkeyPatch
):
    more = replace(TINY_RECIPE, augmentations=9)
    monkeypatch.setattr(recipes, "load_recipe", lambda name: more)
    places = replace(pipeline.places, data=empty.data, runs=empty.runs)
    assert "fewer augmentations than the recipe's 9" in refused("train", "any", *folders(places))


@pytest.mark.parametrize("of", ["version", "tokens"])
def test_copied_features_of_another_version_are_refused(
    pipeline: Pipeline, empty: Places, tiny_recipe: None, of: str
):
    shutil.copytree(pipeline.places.features, empty.features)
    for facts in empty.features.glob(f"*/*/{FACTS}"):
        facts.write_text(json.dumps(json.loads(facts.read_text()) | {of: 0}))
    places = replace(pipeline.places, data=empty.data, runs=empty.runs, features=empty.features)
    said = refused("train", "any", *folders(places))
    assert "of another version of this program" in said and str(empty.data) in said


def test_a_checkpoint_of_another_training_is_not_written_over(
    pipeline: Pipeline, tmp_path: Path, tiny_recipe: None
):
    """As a new training and as one that goes on, by run and by export."""
    places = replace(pipeline.places, runs=tmp_path / "runs", models=tmp_path / "models")
    assert call("run", "any", "--name", "mine", *folders(places)).exit_code == 0
    assert call("run", "any", "--name", "mine", *folders(places)).exit_code == 0
    before = (places.models / "mine" / "manifest.json").read_bytes()
    lost = replace(places, runs=tmp_path / "lost")
    assert "already" in refused("run", "any", "--name", "mine", *folders(lost))
    said = refused("export", pipeline.run, "--name", "mine", *folders(places))
    assert "of another training" in said and "--name" in said
    assert (places.models / "mine" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"architecture": "soft_atention"}, "there is no decoder 'soft_atention'; there are "),
        ({"architecture": "layers"}, "there is no decoder 'layers'; there are "),
        ({"architecture": "soft_attention"}, "needs grid: set grid=True in the recipe"),
    ],
)
def test_a_decoder_that_cannot_be_built_is_named(
    pipeline: Pipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    sentence: str,
):
    language = LanguageConfig((replace(small(), **changed),))
    recipe = replace(TINY_RECIPE, languages={"en": language})
    monkeypatch.setattr(recipes, "load_recipe", lambda name: recipe)
    assert sentence in refused("train", "any", "--run", tmp_path, *folders(pipeline.places))


@pytest.mark.parametrize("begin_with", [("encoder_stage",), ("en", "zh")])
def test_a_recipe_begins_with_parts_that_it_has(begin_with: tuple[str, ...]):
    with pytest.raises(ValueError, match="it begins with .*, and has only en"):
        replace(TINY_RECIPE, begin_from="kantu-2", begin_with=begin_with)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        (RUN, None, "another recipe or on other data"),
        (RUN, b"{", "run.json is damaged"),
        (RUN, b"[]", "run.json is damaged"),
        (RUN, b"{}", "run.json is damaged"),
        (STATE, b"PK\x03\x04 cut short", "state.npz is damaged"),
        (STATE, b"", "state.npz is damaged"),
    ],
)
def test_a_run_folder_that_cannot_be_gone_on_with_is_refused(
    pipeline: Pipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    content: bytes | None,
    sentence: str,
):
    run = tmp_path / "run"
    shutil.copytree(pipeline.run, run)
    recipe = pipeline.recipe
    if content is None:
        recipe = TINY_RECIPE
    else:
        (run / file).write_bytes(content)
    monkeypatch.setattr(recipes, "load_recipe", lambda name: recipe)
    assert sentence in refused("train", "any", "--run", run, *folders(pipeline.places))


def test_what_is_no_run_is_not_exported(pipeline: Pipeline, empty: Places, tmp_path: Path):
    assert "holds no training" in refused("export", tmp_path, "--name", "a", *folders(empty))
    folder = tmp_path / "run"
    folder.mkdir()
    record = {"recipe": {"languages": {"en": {}}}, "legs": [], "commits": []}
    (folder / RUN).write_text(json.dumps(record))
    assert "another version" in refused("export", folder, "--name", "a", *folders(empty))
    shutil.rmtree(folder)
    shutil.copytree(pipeline.run, folder)
    (folder / "weights.npz").unlink()
    assert "weights.npz" in refused("export", folder, "--name", "a", *folders(pipeline.places))


@pytest.mark.parametrize(
    "verb",
    [
        ["evaluate"],
        ["parity"],
        ["baby-talk-score"],
        ["grounding-score", "--boxes", "boxes.json"],
    ],
)
def test_what_measures_a_checkpoint_refuses_what_is_none_and_languages_it_lacks(
    verb: list[str], pipeline: Pipeline, tmp_path: Path
):
    def said(model: Path, dataset: Path, split: str = "dev") -> str:
        given = ["--model", model, "--dataset", dataset, "--language", "en", "--split", split]
        return refused(*verb, *given)

    assert "manifest" in said(tmp_path, pipeline.dataset)
    if verb[0] in ("baby-talk-score", "grounding-score"):
        assert "has no detector" in said(pipeline.checkpoint, pipeline.dataset)
    else:
        assert "is no dataset" in said(pipeline.checkpoint, tmp_path)
        assert "has no split 'none'" in said(pipeline.checkpoint, pipeline.dataset, "none")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compare", "{tmp}", "--dataset", "{tmp}"], "manifest"),
        (["calibrate", "{tmp}", "flickr8k"], "manifest"),
        (["score", "{tmp}", "flickr8k"], "manifest"),
        (["check-encoder", "none"], "there is no encoder 'none'; there are efficientnet_lite0"),
        (
            ["detector", "--graph", "{tmp}/a.pb", "--dataset", "{tmp}", "--out", "{tmp}/b"],
            "No such",
        ),
        (
            ["detector", "--graph", "{tmp}/garbage", "--dataset", "{tmp}", "--out", "{tmp}/b"],
            "no frozen graph",
        ),
        (
            ["detection-score", "--boxes", "b", "--images", "{tmp}", "--detector", "{tmp}/garbage"],
            "no frozen graph",
        ),
        (
            ["detection-score", "--boxes", "b", "--images", "{tmp}", "--detector", "a.tflite"],
            "a.tflite",
        ),
        (
            ["novel-objects", "{tmp}", "--trained-on", "{tmp}", "--datasets", "{tmp}"]
            + ["--language", "en"],
            "manifest",
        ),
        (
            ["import-im2txt", "--checkpoint", "{tmp}/a.ckpt", "--vocabulary", "{tmp}/words.txt"]
            + ["--out", "{tmp}/models"],
            "words.txt",
        ),
    ],
)
def test_other_verbs_refuse_in_a_sentence(arguments: list[str], sentence: str, tmp_path: Path):
    (tmp_path / "garbage").write_bytes(b"\xff\xff no graph at all")
    assert sentence in refused(*(one.format(tmp=tmp_path) for one in arguments))


def test_the_zoo_is_printed_as_a_table(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    assert call("zoo").stdout.startswith("| row | language | encoder |")


def test_a_zoo_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert "docs/model-zoo.json" in refused("zoo")


def test_what_keras_finds_wrong_comes_with_all_that_led_there():
    """Also inside a layer of ours, where Keras would take its own part out."""

    class Wrong(keras.layers.Layer):
        def call(self, inputs):
            return keras.layers.Conv2D(1, 1)(inputs)

    import_backend()
    with pytest.raises(ValueError, match="expected min_ndim=4"):
        in_sentences(lambda: Wrong()(np.zeros((1, 2))))
    with pytest.raises(click.ClickException, match="ours"):
        in_sentences(functools.partial(_raise, ValueError("ours")))


def _raise(error: Exception) -> None:
    raise error
