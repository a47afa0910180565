import json
import shutil
from pathlib import Path

import pytest

from app.config import ROOT
from tests.training.conftest import Pipeline
from training.export.card import (
    BEGIN,
    CARD,
    measured,
    record_confidence,
    record_doubtful_words,
    record_scores,
    write_card,
)
from training.export.evidence import record_evidence
from training.recipes import recipe_from_json
from training.saving import edited_json

SHIPPED = sorted(path.parent for path in (ROOT / "model_assets").glob("*/manifest.json"))


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_the_shipped_cards_say_what_the_manifests_say(folder: Path):
    assert measured(manifest_of(folder)) in (folder / CARD).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_the_shipped_manifests_say_what_was_run(folder: Path):
    manifest = manifest_of(folder)
    assert set(manifest["training"]) == set(manifest["languages"])
    for language, record in manifest["training"].items():
        recipe = recipe_from_json(record["recipe"])
        stages = recipe.as_json()["stages"]
        names = recipe.languages[language].named_decoders(language)
        assert {name for leg in record["legs"] for name in leg["decoders"]} >= set(names)
        assert all(set(leg["decoders"]) & set(names) for leg in record["legs"])
        for leg in record["legs"]:
            # What recipes had not yet at the time has stayed as it is by default.
            assert any(leg["stage"].items() <= stage.items() for stage in stages)
            assert 0 < leg["epochs_run"] <= leg["stage"]["epochs"]
            if isinstance(leg["epoch_kept"], int):
                assert 0 <= leg["epoch_kept"] <= leg["epochs_run"]
        assert "scores" in manifest["languages"][language]


def test_a_run_writes_which_words_are_left_out_where_they_are_doubtful(pipeline: Pipeline):
    languages = manifest_of(pipeline.checkpoint)["languages"]
    assert set(languages["en"]["details"]["words"]) == {"red", "green", "blue"}
    assert set(languages["zh"]["details"]["words"]) == {"红色", "绿色", "蓝色"}
    assert languages["en"]["neutral"] == {"words": [], "least_share": 0.75}


def test_a_run_writes_its_card(pipeline: Pipeline):
    text = (pipeline.checkpoint / CARD).read_text(encoding="utf-8")
    assert text.startswith("# plain\n")
    assert measured(manifest_of(pipeline.checkpoint)) in text
    assert "| en | flickr8k | 6 |" in text


def test_figures_of_other_captions_go_from_the_manifest_and_the_card(
    pipeline: Pipeline, tmp_path: Path
):
    folder = tmp_path / "plain"
    shutil.copytree(pipeline.checkpoint, folder)
    with edited_json(folder / "manifest.json") as manifest:
        manifest["languages"]["en"]["details"]["words"].remove("red")
    record_doubtful_words(folder)
    languages = manifest_of(folder)["languages"]
    assert not {"scores", "confidence"} & languages["en"].keys()
    assert {"scores", "confidence"} <= languages["zh"].keys()
    card = (folder / CARD).read_text(encoding="utf-8")
    assert measured(manifest_of(folder)) in card and "| en | flickr8k |" not in card


def test_one_language_is_measured_alone(pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "plain"
    shutil.copytree(pipeline.checkpoint, folder)
    before = manifest_of(folder)["languages"]
    record_evidence(folder, pipeline.places.data, ["flickr8k"], "zh")
    record_doubtful_words(folder, "zh")
    record_confidence(folder, pipeline.places.data, ["flickr8k"], "zh")
    after = manifest_of(folder)["languages"]
    assert after["en"] == before["en"] and "scores" not in after["zh"]
    with pytest.raises(ValueError, match="captions in en, zh, not in 'fr'"):
        record_scores(folder, pipeline.places.data, ["flickr8k"], "fr")


def test_scores_on_another_collection_stand_beside_those_there_are(
    pipeline: Pipeline, tmp_path: Path
):
    folder = tmp_path / "plain"
    shutil.copytree(pipeline.checkpoint, folder)
    shutil.copytree(pipeline.dataset, tmp_path / "again")
    record_scores(folder, tmp_path, ["again"])
    assert {*manifest_of(folder)["languages"]["en"]["scores"]} == {"flickr8k", "again"}
    with edited_json(folder / "manifest.json") as manifest:
        manifest["languages"]["en"]["scores"] = "not measured"
    record_scores(folder, tmp_path, ["again"], "en")
    assert {*manifest_of(folder)["languages"]["en"]["scores"]} == {"again"}


def test_what_people_wrote_around_it_stays(pipeline: Pipeline, tmp_path: Path):
    (tmp_path / "manifest.json").write_bytes((pipeline.checkpoint / "manifest.json").read_bytes())
    (tmp_path / CARD).write_text(f"# Ours\n\n{BEGIN}\nold\n<!-- /training -->\n\n## Bad at\n")
    for _ in range(2):
        write_card(tmp_path)
        text = (tmp_path / CARD).read_text(encoding="utf-8")
        assert text.startswith(f"# Ours\n\n{BEGIN}\n\n| decoder |")
        assert text.endswith("<!-- /training -->\n\n## Bad at\n")
        assert "old" not in text
