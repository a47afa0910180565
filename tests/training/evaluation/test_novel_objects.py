import json
from pathlib import Path
from typing import Any

import pytest

from app.captioning.captioner import Captioner
from tests.training.scripted import ScriptedCaptioner, write_dataset
from training.evaluation.novel_objects import mentioned, mentioning, novel_classes, novel_objects

TAUGHT = {100: ["Two dogs.", "A dog at a sink.", "A hot dog."], 101: ["A sink.", "A zebra."]}
SHOWN = {
    200: ["A zebra.", "Two zebras.", "Grass."],
    201: ["A zebra and a kite.", "A zebra eats a banana.", "A kite."],
    202: ["A banana.", "A yellow thing.", "A yellow thing."],
    203: ["A dog at a sink.", "A dog.", "A sink."],
}
OTHERS = {300: ["Hot dogs.", "A hot dog, and a zebra.", "The zebra."], 301: ["A dog.", "A dog."]}
SAID = {
    200: "A zebra.",
    201: "A dog and a kite.",
    203: "A dog.",
    300: "A zebra beside a zebra.",
    301: "A dog.",
}


def test_a_class_is_novel_where_no_word_of_it_was_taught():
    texts = [text for texts in TAUGHT.values() for text in texts]
    novel = novel_classes(texts, "en", least=2)
    assert {"dog", "sink"} - set(novel) == {"sink"}  # "dog" and "dogs" come once each
    assert {"zebra", "hot dog", "giraffe"} <= set(novel)
    assert "zebra" not in novel_classes(texts, "en", least=1)
    assert novel["zebra"] == {"zebra", "zebras"}


def test_names_of_several_words_are_not_what_their_last_word_is():
    novel = novel_classes([], "en", least=1)
    assert mentioned("A hot dog beside a teddy bear.", novel, "en") == ["hot dog", "teddy bear"]
    assert mentioned("A dog, hot. Two Bears!", novel, "en") == ["dog", "bear"]
    assert mentioned("A dogged bearer.", novel, "en") == []


def test_chinese_classes_are_found_by_their_chinese_words():
    novel = novel_classes(["一只狗在跑。"], "zh", least=1)
    assert "dog" not in novel
    assert mentioned("一只斑马和一只狗。", novel, "zh") == ["zebra"]


def test_f1_is_of_the_photos_of_a_class_against_all_others():
    shown = [{"zebra"}, {"zebra"}, {"banana", "zebra"}, {"banana"}, {"kite"}]
    said = [{"zebra"}, {"banana"}, {"zebra", "banana"}, {"zebra"}, set()]
    figures = mentioning(shown, said)
    assert list(figures) == ["zebra", "kite", "banana", "mean"]  # as COCO has them
    assert figures["zebra"] == {"photos": 3, "precision": 66.7, "recall": 66.7, "F1": 66.7}
    assert figures["banana"] == {"photos": 2, "precision": 50.0, "recall": 50.0, "F1": 50.0}
    assert figures["kite"] == {"photos": 1, "precision": 0.0, "recall": 0.0, "F1": 0.0}
    assert figures["mean"] == {"precision": 38.9, "recall": 38.9, "F1": 38.9}


def test_precision_and_recall_are_told_apart():
    figures = mentioning([{"zebra"}, {"zebra"}, {"kite"}, {"kite"}], [{"zebra"}] * 3 + [{"kite"}])
    assert figures["zebra"] == {"photos": 2, "precision": 66.7, "recall": 100.0, "F1": 80.0}
    assert figures["kite"] == {"photos": 2, "precision": 100.0, "recall": 50.0, "F1": 66.7}


@pytest.fixture
def captioners(monkeypatch: pytest.MonkeyPatch) -> dict[str, ScriptedCaptioner]:
    """Two that say the same, of which one can be told what to mention."""
    found = {"told": ScriptedCaptioner(SAID, objects=("zebra",)), "plain": ScriptedCaptioner(SAID)}
    monkeypatch.setattr(Captioner, "load", lambda folder, pointing: found[folder.name])
    return found


@pytest.fixture
def measure(captioners, tmp_path: Path):
    taught = write_dataset(tmp_path / "taught", TAUGHT)
    shown = write_dataset(tmp_path / "shown", SHOWN, dev_every=2)
    others = write_dataset(tmp_path / "others", OTHERS)

    def measured(datasets=(shown, others), least: int = 2, **options: Any) -> dict[str, Any]:
        models = [Path("told"), Path("a/plain")]
        return novel_objects(taught, list(datasets), models, "en", least, **options)

    return measured


def test_the_photos_are_those_of_all_splits_whose_references_agree(measure):
    figures = measure()
    # 202 is left out, for one reference alone has a banana; sinks were taught.
    assert figures["photos"] == 5
    shown = {name: count for name, count in figures["novel"].items() if count}
    assert shown == {"dog": 2, "zebra": 3, "kite": 1, "hot dog": 1}
    assert figures["novel"]["giraffe"] == 0
    assert "sink" not in figures["novel"]


def test_every_model_is_measured(captioners, measure):
    captioners["plain"].captions = dict.fromkeys((200, 201, 203, 300, 301), "A kite.")
    first, second = measure()["models"]
    assert (first["model"], second["model"]) == ("told", "a/plain")
    assert not first["told"]
    zebra = first["mentioning"]["zebra"]
    assert zebra == {"photos": 3, "precision": 100.0, "recall": 66.7, "F1": 80.0}
    assert second["mentioning"]["zebra"]["F1"] == 0
    assert second["mentioning"]["kite"]["precision"] == 20.0
    assert first["CIDEr"] > second["CIDEr"]
    assert "BLEU-4" in first


def test_models_that_can_be_told_are_measured_told_too(measure):
    models = measure(mention=True)["models"]
    assert [(one["model"], one["told"]) for one in models] == [
        ("told", False),
        ("told", True),
        ("a/plain", False),
    ]
    assert models[0]["mentioning"]["mean"]["recall"] < 100
    assert models[1]["mentioning"]["mean"]["F1"] == 100


def test_the_captions_are_written_beside_what_the_references_mention(measure, tmp_path: Path):
    measure(mention=True, captions_to=tmp_path / "captions.jsonl")
    lines = (tmp_path / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    by_photo = {line["photo"]: line for line in map(json.loads, lines)}
    assert len(lines) == 5
    assert by_photo["201.jpg"] == {
        "photo": "201.jpg",
        "classes": ["zebra", "kite"],
        "captions": {
            "told": "A dog and a kite.",
            "told, told": "zebra and kite",
            "a/plain": "A dog and a kite.",
        },
    }


def test_models_of_another_language_and_photos_of_nothing_novel_are_refused(
    captioners, measure, tmp_path: Path
):
    with pytest.raises(ValueError, match="no photo shows anything"):
        measure([tmp_path / "taught"], least=1)
    captioners["plain"].languages = ("zh",)
    with pytest.raises(ValueError, match="a/plain does not caption in 'en'"):
        measure()
