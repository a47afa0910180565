"""Captions are graded by looking, by who does not know whose they are."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from app.captioning.captioner import Captioner
from tests.training.scripted import ScriptedCaptioner
from training.__main__ import main
from training.evaluation.look import GRADE_FIELDS, KEY_FIELDS, look

SAID = {
    "old": {60: "A dog.", 90: "A cat."},
    "new": {60: "A dog.", 90: "A grey cat."},
}


def load(model):
    return ScriptedCaptioner(SAID[model.name])


@pytest.fixture(autouse=True)
def _scripted(monkeypatch):
    monkeypatch.setattr(Captioner, "load", load)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(23):
        side = (60, 90)[number % 2]
        Image.new("RGB", (side, side), "red").save(folder / f"{number:02}.JPG", "JPEG")
    (folder / "notes.txt").write_text("no photo")
    return folder


def rows_of(table):
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(*arguments) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def grade(table, grades):
    """Fills in the grade and the fault of each caption, by its text."""
    rows = rows_of(table)
    for row in rows:
        row["grade"], row["wrong"] = grades[row["caption"]]
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, GRADE_FIELDS)
        writer.writeheader()
        writer.writerows(rows)


def test_each_caption_has_a_row_and_each_photo_a_place_on_a_sheet(photos, tmp_path):
    table = look([tmp_path / "old"], photos, tmp_path / "out")
    rows = rows_of(table)
    assert tuple(rows[0]) == GRADE_FIELDS
    assert [row["photo"] for row in rows] == sorted(path.name for path in photos.glob("*.JPG"))
    assert [row["number"] for row in rows] == [str(number) for number in range(1, 24)]
    assert [row["caption"] for row in rows[:3]] == ["A dog.", "A cat.", "A dog."]
    assert {row["grade"] for row in rows} == {""}
    sheets = [cv2.imread(str(tmp_path / "out" / f"sheet-{nth}.png")) for nth in (1, 2)]
    assert sheets[0].shape[1] == sheets[1].shape[1]
    assert sheets[0].shape[0] == pytest.approx(4 * sheets[1].shape[0], rel=0.05)
    assert np.ptp(sheets[1][:, : sheets[1].shape[1] // 5]) > 100
    assert not (tmp_path / "out" / "sheet-3.png").exists()


def test_the_table_does_not_tell_whose_a_caption_is_and_the_key_does(photos, tmp_path):
    table = look([tmp_path / "old", tmp_path / "new"], photos, tmp_path / "out")
    rows, key = rows_of(table), rows_of(table.with_name("key.csv"))
    assert tuple(key[0]) == KEY_FIELDS
    texts = {(row["number"], row["letter"]): row["caption"] for row in rows}
    for row in key:
        photo = (60, 90)[(int(row["number"]) - 1) % 2]
        assert texts[row["number"], row["letter"]] == SAID[Path(row["model"]).name][photo]
    assert len(key) == 2 * 23
    assert len(rows) == 23 + 11  # what both say stands there once
    firsts = {row["caption"] for row in rows if row["letter"] == "a"}
    assert firsts == {"A dog.", "A cat.", "A grey cat."}
    assert str(tmp_path) not in table.read_text(encoding="utf-8")


def test_grades_are_added_up_model_by_model(photos, tmp_path):
    given = ["look", "--model", tmp_path / "old", "--model", tmp_path / "new"]
    assert run(*given, "--photos", photos, "--out", tmp_path / "out").exit_code == 0
    given = {"A dog.": ("0", "thing"), "A cat.": ("1", " Colour "), "A grey cat.": ("2", "")}
    grade(tmp_path / "out" / "grades.csv", given)
    result = run("grades", tmp_path / "out")
    new, old = str(tmp_path / "new"), str(tmp_path / "old")
    assert json.loads(result.stdout) == {
        "en": {
            "models": {
                new: {"2": 11, "1": 0, "0": 12, "wrong": {"thing": 12}},
                old: {"2": 0, "1": 11, "0": 12, "wrong": {"thing": 12, "colour": 11}},
            },
            "pairs": [{new: 11, old: 0}],
        }
    }


def test_a_caption_that_was_not_graded_is_named(photos, tmp_path):
    look([tmp_path / "old"], photos, tmp_path / "out")
    result = run("grades", tmp_path / "out")
    assert result.exit_code == 1
    assert "the grade of caption a (en) of photo 1 is '', and not 0, 1 or 2" in result.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda lines: lines[:-1], "grades.csv lacks a caption of photo 23"),
        (lambda lines: [lines[0].replace("grade", "mark"), *lines[1:]], "has no column grade"),
    ],
)
def test_a_table_that_lacks_something_is_a_sentence(photos, tmp_path, change, sentence):
    table = look([tmp_path / "old"], photos, tmp_path / "out")
    grade(table, {"A dog.": ("2", ""), "A cat.": ("2", "")})
    lines = table.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    table.write_text("".join(change(lines)), encoding="utf-8")
    result = run("grades", tmp_path / "out")
    assert result.exit_code == 1 and sentence in result.stderr


def test_a_spreadsheet_may_put_semicolons(photos, tmp_path):
    table = look([tmp_path / "old"], photos, tmp_path / "out")
    grade(table, {"A dog.": ("2", ""), "A cat.": ("1", "thing")})
    text = table.read_text(encoding="utf-8-sig").replace(",", ";")
    table.write_text(text, encoding="utf-8")
    tally = json.loads(run("grades", tmp_path / "out").stdout)["en"]["models"]
    assert tally[str(tmp_path / "old")] == {"2": 12, "1": 11, "0": 0, "wrong": {"thing": 11}}


def test_what_was_never_looked_at_has_no_grades(tmp_path):
    result = run("grades", tmp_path)
    assert result.exit_code == 1 and "grades.csv: No such file" in result.stderr


def test_one_model_twice_is_refused(photos, tmp_path):
    with pytest.raises(ValueError, match="is given twice"):
        look([tmp_path / "old", tmp_path / "old"], photos, tmp_path / "out")


def test_grades_are_not_written_over(photos, tmp_path):
    table = look([tmp_path / "old"], photos, tmp_path / "out")
    table.write_text("graded", encoding="utf-8")
    result = run("look", "--model", tmp_path / "old", "--photos", photos, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "there already" in result.stderr
    assert table.read_text(encoding="utf-8") == "graded"


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no photos, no files that end in .jpg, "):
        look([tmp_path / "old"], tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
