import csv

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from app.captioning.captioner import Captioner
from tests.training.scripted import ScriptedCaptioner
from training.__main__ import main
from training.evaluation.look import FIELDS, look

SAID = {60: "A dog.", 90: "A cat."}


@pytest.fixture(autouse=True)
def _scripted(monkeypatch):
    monkeypatch.setattr(Captioner, "load", lambda model: ScriptedCaptioner(SAID))


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


def test_each_caption_has_a_row_and_each_photo_a_place_on_a_sheet(photos, tmp_path):
    table = look(tmp_path, photos, tmp_path / "out")
    rows = rows_of(table)
    assert tuple(rows[0]) == FIELDS
    assert [row["photo"] for row in rows] == sorted(path.name for path in photos.glob("*.JPG"))
    assert [row["number"] for row in rows] == [str(number) for number in range(1, 24)]
    assert [row["caption"] for row in rows[:3]] == ["A dog.", "A cat.", "A dog."]
    assert {row["grade"] for row in rows} == {""}
    sheets = [cv2.imread(str(tmp_path / "out" / f"sheet-{nth}.png")) for nth in (1, 2)]
    assert sheets[0].shape[1] == sheets[1].shape[1]
    assert sheets[0].shape[0] == pytest.approx(4 * sheets[1].shape[0], rel=0.05)
    assert np.ptp(sheets[1][:, : sheets[1].shape[1] // 5]) > 100
    assert not (tmp_path / "out" / "sheet-3.png").exists()


def test_grades_are_not_written_over(photos, tmp_path):
    table = look(tmp_path, photos, tmp_path / "out")
    table.write_text("graded", encoding="utf-8")
    given = ["look", "--model", tmp_path, "--photos", photos, "--out", tmp_path / "out"]
    result = CliRunner().invoke(main, list(map(str, given)))
    assert result.exit_code == 1 and "there already" in result.stderr
    assert table.read_text(encoding="utf-8") == "graded"


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no photos, no files that end in .jpg, "):
        look(tmp_path, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
