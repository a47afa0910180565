"""What the command writes of models that point at what they name, and tells them to mention."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import Result

from app.captioning.captioner import Captioner
from tests import command
from tests.command import checkpoint, load_fake, rows
from tests.fakes import POINTING, PointingCaptioner, jpeg


class Obedient(PointingCaptioner):
    """Says what it was told to mention, so that it can be seen from another process."""

    def decode(self, *arguments: Any) -> Any:
        found = super().decode(*arguments)
        return found if not arguments[-1] else [self._naming(found[0], arguments[-1])]

    @staticmethod
    def _naming(caption: Any, names: tuple[str, ...]) -> Any:
        return type(caption)(" and ".join(names), names, -1.0)


def load_obedient(folder: Path, engine: str) -> Captioner:
    return cast(Captioner, Obedient(folder.name))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "pointing")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg())
    return path


def run(model: Path, photo: Path, *arguments: object) -> Result:
    return command.run(model, load_obedient, photo, *arguments)


def test_jsonl_says_what_words_point_at(model: Path, photo: Path) -> None:
    english, chinese = map(json.loads, run(model, photo, "--format", "jsonl").stdout.splitlines())
    keys = ["path", "language", "text", "log_probability", "confidence"]
    assert list(english) == [*keys, "template", "slots", "regions"]
    assert english["template"] == "A <region-0> chases a <region-2>."
    assert english["slots"][0] == {"start": 2, "end": 7, "text": "puppy", "region": 0}
    assert [one["class"] for one in english["regions"]] == ["dog", "kite", "sports ball"]
    assert chinese["slots"][1]["text"] == "球" and chinese["regions"] == english["regions"]


def test_text_and_csv_stay_as_they_are(model: Path, photo: Path) -> None:
    said = POINTING["en"][0]
    assert run(model, photo, "--language", "en").stdout == f"{photo}\ten\t{said}\n"
    (row,) = csv.DictReader(
        StringIO(run(model, photo, "--format", "csv", "--language", "en").stdout.lstrip("\ufeff"))
    )
    assert list(row) == ["path", "language", "text", "log_probability", "confidence", "error"]
    assert row["text"] == said


@pytest.mark.parametrize("jobs", [1, 2])
def test_it_mentions_what_it_is_told(model: Path, photo: Path, jobs: int) -> None:
    result = run(model, photo, "--language", "en", "--mention", "Pizza, dog", "--jobs", jobs)
    assert result.stdout == f"{photo}\ten\tpizza and dog\n", result.output


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("unicorn", "no object called “unicorn”. Choose among: person, dog, kite, sports ball"),
        ("person,dog,kite,sports ball,pizza", "Name 4 at most."),
    ],
)
def test_what_it_cannot_mention_ends_the_run(
    model: Path, photo: Path, jobs: int, names: str, sentence: str
) -> None:
    result = run(model, photo, "--mention", names, "--jobs", jobs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


def test_a_model_that_detects_nothing_says_so(model: Path, photo: Path) -> None:
    result = command.run(model, load_fake, photo, "--mention", "dog")
    assert result.exit_code == 1
    assert "cannot be told what to mention" in result.stderr


def test_a_file_holds_captions_that_mention_the_same(model: Path, photo: Path) -> None:
    output = photo.parent / "captions.jsonl"

    def again(*arguments: object) -> Result:
        return run(model, photo, "--output", output, "--language", "en", *arguments)

    assert again("--mention", "dog,pizza").exit_code == 0
    assert again("--mention", "pizza,dog").exit_code == 0, "in whatever order"
    assert len(rows(output)) == 1
    for other in ((), ("--mention", "dog")):
        result = again(*other)
        assert result.exit_code == 1
        assert "was made to mention dog, pizza." in result.stderr
    output.unlink()
    assert again().exit_code == 0
    assert "was made to mention nothing in particular." in again("--mention", "dog").stderr


def test_a_file_holds_no_captions_that_point_beside_others(model: Path, photo: Path) -> None:
    output = photo.parent / "captions.jsonl"
    arguments = (photo, "--output", output, "--language", "en")
    assert command.run(model, load_obedient, *arguments, pointing=True).exit_code == 0
    result = command.run(model, load_obedient, *arguments)
    assert result.exit_code == 1
    assert "was made with KANTU_POINTING=on." in result.stderr
