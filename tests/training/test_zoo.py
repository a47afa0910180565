import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import ROOT
from tests.training.conftest import PLAIN, Pipeline, small
from training import zoo
from training.inputs import Places
from training.plots import read_zoo
from training.recipes import LanguageConfig, MaximumLikelihood, Recipe, load_recipe
from training.train.run_folder import RUN

SERVED = {"hours": 0.1, "megabytes": 9.0, "milliseconds": 20.0}


@pytest.fixture(autouse=True)
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of one model."""
    path = tmp_path / "zoo.json"
    path.write_text(json.dumps({"rows": [entry("first", 5.0)], "papers": []}))
    monkeypatch.setattr(zoo, "FIGURES", path)
    monkeypatch.setattr(zoo, "PICTURE", tmp_path / "zoo.png")
    return path


def entry(row: str, cider: float) -> dict:
    facts = dict.fromkeys(("encoder", "decoder", "objective", "data"), "any")
    scores = dict.fromkeys(zoo.METRICS, cider)
    return {"row": row, "name": row, "language": "en", "epochs": 1, **facts, "scores": scores} | (
        SERVED
    )


def write_run(run: Path, recipe: Recipe, ciders: list[float | None]) -> None:
    """Kept scores of each stage; None where it kept nothing."""
    run.mkdir(exist_ok=True)
    legs = [
        {
            "stage": {"loss": stage.loss, "encoder": stage.encoder},
            "epochs_run": stage.epochs,
            "scores": {} if cider is None else {"en": dict.fromkeys(zoo.METRICS, cider)},
        }
        for stage, cider in zip(recipe.stages, ciders, strict=True)
    ]
    record = {"recipe": recipe.as_json(), "commits": [], "legs": legs}
    (run / RUN).write_text(json.dumps(record))


@pytest.mark.parametrize(("second", "cider"), [(70.0, 70.0), (None, 50.0)])
def test_each_stage_is_an_entry_with_what_it_keeps(
    tmp_path: Path, second: float | None, cider: float
):
    stage = MaximumLikelihood(epochs=3)
    recipe = replace(
        PLAIN,
        languages={"en": LanguageConfig((small("top_down"),))},
        stages=(stage, replace(stage, encoder="stage")),
        grid=True,
    )
    write_run(tmp_path / "run", recipe, [50.0, second])
    first, then = zoo.stages("attending", recipe, tmp_path / "run")
    assert first["objective"] == "maximum likelihood"
    assert then["objective"] == "+ maximum likelihood, encoder's stage trained"
    assert [one["scores"]["CIDEr"] for one in (first, then)] == [50, cider]
    assert [one["epochs"] for one in (first, then)] == [3, 6]
    assert first["command"] == "python -m training zoo attending"


def test_a_row_that_is_run_again_replaces_its_figures_where_it_stands(figures: Path):
    for cider in (10.0, 20.0):
        zoo.keep([entry("second", cider)])
    zoo.keep([entry("first", 7.0)])
    rows = read_zoo(figures)["rows"]
    assert [(one["row"], one["scores"]["CIDEr"]) for one in rows] == [("first", 7), ("second", 20)]
    assert figures.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    header, line, *entries = zoo.table().splitlines()
    assert len(header.split("|")) == len(line.split("|")) == len(entries[0].split("|"))
    assert entries[1].startswith("| second | en | any |")


def test_a_recipe_of_several_decoders_is_no_row(tmp_path: Path):
    with pytest.raises(ValueError, match="kantu_2 has several decoders: a row of the zoo has one"):
        zoo.run_row("kantu_2", Places())
    with pytest.raises(ValueError, match="there is no recipe 'none'; there are attributes_en, "):
        zoo.run_row("none", Places())


def test_a_row_is_trained_measured_and_kept(
    places: Places, figures: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = replace(
        PLAIN,
        languages={"en": LanguageConfig((small(),))},
        stages=(MaximumLikelihood(epochs=1, batch_size=6),),
    )
    monkeypatch.setattr(zoo, "load_recipe", lambda name: recipe)
    zoo.run_row("one", places)
    kept = read_zoo(figures)["rows"][1]
    assert (kept["row"], kept["encoder"], kept["epochs"]) == ("one", "tiny", 1)
    assert kept["milliseconds"] > 0
    assert set(zoo.METRICS) <= kept["scores"].keys()


def test_size_is_that_of_the_exported_checkpoint(pipeline: Pipeline):
    measured = zoo.measure(pipeline.checkpoint, pipeline.dataset, "en")
    size = sum(path.stat().st_size for path in pipeline.checkpoint.glob("*.tflite"))
    assert measured["megabytes"] == size / 1e6


def test_every_published_row_is_a_recipe():
    for row in read_zoo(ROOT / "docs" / "model-zoo.json")["rows"]:
        assert load_recipe(row["row"]).encoder == row["encoder"]
