import json
from pathlib import Path

import pytest

from app.config import ROOT
from tests.training.conftest import Pipeline
from training import zoo
from training.encoders import ENCODERS
from training.recipes import load_recipe


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "zoo.json"
    path.write_text(json.dumps({"rows": [], "papers": []}))
    monkeypatch.setattr(zoo, "FIGURES", path)
    return path


def write_log(run: Path, ciders: list[float]) -> None:
    run.mkdir(exist_ok=True)
    lines = [
        {"epoch": at, "train/loss": 1.0, **{f"dev/{name}": cider for name in zoo.METRICS}}
        for at, cider in enumerate(ciders, 1)
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_every_row_names_a_recipe_and_an_encoder_that_exist():
    for row in zoo.ROWS.values():
        assert load_recipe(row.recipe)
        assert row.encoder in ENCODERS
        if row.tail:
            assert zoo.ROWS[row.tail].features == row.features
        if row.checkpoint:
            assert (ROOT / zoo.MODELS / row.checkpoint).is_dir()


def test_each_stage_is_an_entry_with_its_best_epoch(tmp_path: Path):
    recipe = load_recipe("top_down_en")
    first = recipe.likelihood.epochs
    ciders = [float(at) for at in range(first)] + [50.0, 70.0, 60.0]
    write_log(tmp_path / "run", ciders)
    entries = zoo.stages("top_down_en", tmp_path / "run")
    assert [entry["objective"] for entry in entries] == [
        "maximum likelihood",
        "+ encoder's tail trained",
    ]
    assert [entry["scores"]["CIDEr"] for entry in entries] == [first - 1, 70]
    assert [entry["epochs"] for entry in entries] == [first, first + 3]


def test_a_row_that_is_run_again_replaces_its_figures(figures: Path, tmp_path: Path):
    for ciders in ([10.0], [20.0]):
        write_log(tmp_path / "run", ciders)
        entries = zoo.stages("show_and_tell_zh", tmp_path / "run")
        facts = {"hours": 0.1, "megabytes": 9.0, "milliseconds": 20.0}
        zoo.keep("show_and_tell_zh", [entry | facts for entry in entries])
    rows = json.loads(figures.read_text())["rows"]
    assert [row["scores"]["CIDEr"] for row in rows] == [20]
    assert "| show_and_tell_zh | zh |" in zoo.table({"rows": rows})


def test_size_and_time_are_those_of_the_exported_checkpoint(pipeline: Pipeline):
    measured = zoo.measure(pipeline.checkpoint, pipeline.dataset, "en")
    size = sum(path.stat().st_size for path in pipeline.checkpoint.glob("*.tflite"))
    assert measured["megabytes"] == size / 1e6
    assert measured["milliseconds"] > 0
