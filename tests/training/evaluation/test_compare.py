from app.captioning.captioner import Captioner
from tests.training.conftest import Pipeline
from tests.training.scripted import ScriptedCaptioner, write_dataset
from training.evaluation.compare import compare


def test_the_page_has_what_each_model_says_beside_what_a_person_said(pipeline: Pipeline):
    page = compare([pipeline.checkpoint, pipeline.checkpoint], pipeline.dataset, photos=3)
    rows = [line for line in page.splitlines() if ".jpg" in line]
    assert len(rows) == 6
    assert page.index("## English") < page.index("## Chinese")
    english = rows[0].strip("| ").split(" | ")
    assert english[1].startswith("A ")
    assert english[2] == english[3]


def test_a_language_that_nobody_speaks_is_left_out(monkeypatch, tmp_path):
    dataset = write_dataset(tmp_path / "dataset", {60: ["A dog."], 90: ["A cat."]}, dev_every=2)
    monkeypatch.setattr(Captioner, "load", lambda model: ScriptedCaptioner({60: "A dog."}))
    page = compare([tmp_path], dataset, photos=5)
    assert "| 60.jpg | A dog. | A dog. |" in page
    assert "Chinese" not in page
