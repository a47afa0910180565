from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import Result

from app import cli, create_app
from app.captioning.captioner import Captioner
from app.captioning.checkpoint import CheckpointError
from app.config import ROOT, Settings
from tests.command import checkpoint
from tests.fakes import PERHAPS, SAID, FakeCaptioner, Guessing, jpeg


class Loader:
    """Loads fakes, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Path, str]] = []

    def __call__(self, folder: Path, engine: str) -> Captioner:
        self.asked.append((folder, engine))
        if folder.name == "broken":
            raise CheckpointError("The checkpoint is broken.")
        languages = ("zh",) if folder.name == "chinese" else ("en", "zh")
        return cast(Captioner, FakeCaptioner(folder.name, languages))


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photos, one file that is none, and one photo further down."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.JPG").write_bytes(jpeg())
    (folder / "a, 图.jpeg").write_bytes(jpeg())
    (folder / "notes.txt").write_text("not a photo")
    (folder / "deep" / "c.jpg").write_bytes(jpeg())
    return folder


def run(loader: Loader, *arguments: object, **settings: Any) -> Result:
    app = create_app(Settings(models=(Path("fake"),), **settings), loader)
    loader.asked.clear()
    return app.test_cli_runner().invoke(args=["caption", *map(str, arguments)])


def test_text_is_a_line_for_each_photo_and_language(loader: Loader, photos: Path) -> None:
    result = run(loader, photos / "b.JPG")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"{photos / 'b.JPG'}\ten\t{SAID['en'][0]}",
        f"{photos / 'b.JPG'}\tzh\t{SAID['zh'][0]}",
    ]


def test_folders_are_searched_in_order(loader: Loader, photos: Path) -> None:
    result = run(loader, photos, "--language", "en")
    paths = [Path(line.split("\t")[0]) for line in result.stdout.splitlines()]
    assert paths == [photos / "a, 图.jpeg", photos / "b.JPG", photos / "deep" / "c.jpg"]


def test_progress_goes_to_the_standard_error(loader: Loader, photos: Path) -> None:
    result = run(loader, photos)
    assert f"[2/3] {photos / 'b.JPG'}" in result.stderr
    assert "[2/3]" not in result.stdout


def test_jsonl_is_an_object_for_each_photo_and_language(loader: Loader, photos: Path) -> None:
    result = run(loader, photos / "b.JPG", "--format", "jsonl")
    assert SAID["zh"][0] in result.stdout, "Chinese is not escaped"
    english, chinese = map(json.loads, result.stdout.splitlines())
    assert english == {
        "path": str(photos / "b.JPG"),
        "language": "en",
        "text": SAID["en"][0],
        "log_probability": pytest.approx(-1.8971, abs=1e-3),
        "confidence": "sure",
    }
    assert (chinese["language"], chinese["text"]) == ("zh", SAID["zh"][0])


def test_jsonl_says_beside_a_guess_what_the_photo_may_show(photos: Path) -> None:
    app = create_app(Settings(models=(Path("fake"),)), lambda *_: cast(Captioner, Guessing()))
    result = app.test_cli_runner().invoke(
        args=["caption", str(photos / "b.JPG"), "--format", "jsonl"]
    )
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["perhaps"] for row in rows] == [list(words) for words in PERHAPS.values()]


def test_a_photo_that_fails_does_not_stop_the_rest(loader: Loader, photos: Path) -> None:
    (photos / "a, 图.jpeg").write_bytes(b"GIF89a")
    result = run(loader, photos, "--format", "jsonl", "--language", "en")
    first, *others = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert first["path"] == str(photos / "a, 图.jpeg")
    assert first["language"] == "en"
    assert first["error"]["code"] == "not_jpeg" and "GIF" in first["error"]["message"]
    assert "text" not in first
    assert [one["text"] for one in others] == [SAID["en"][0]] * 2
    assert "1 of 3 photos failed." in result.stderr


def test_text_says_on_the_standard_error_what_failed(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"GIF89a")
    result = run(loader, tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "This file is GIF, not JPEG/PNG/WebP/AVIF" in result.stderr


def test_csv_has_a_header_and_quotes(loader: Loader, photos: Path) -> None:
    (photos / "b.JPG").write_bytes(b"")
    result = run(loader, photos, "--format", "csv", "--language", "zh")
    rows = list(csv.DictReader(StringIO(result.stdout.removeprefix("\ufeff"))))
    assert result.stdout.startswith("\ufeffpath,language,text,log_probability,confidence,error\n")
    assert [row["path"] for row in rows] == [
        str(photos / name) for name in ("a, 图.jpeg", "b.JPG", "deep/c.jpg")
    ]
    assert [row["text"] for row in rows] == [SAID["zh"][0], "", SAID["zh"][0]]
    assert [row["confidence"] for row in rows] == ["unsure", "", "unsure"]
    assert [row["error"] for row in rows] == ["", "This file is empty. Choose another photo.", ""]


def test_limits_hold_here_too(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(jpeg() + bytes(4096))
    (tmp_path / "wide.jpg").write_bytes(jpeg(300, 300))
    result = run(loader, tmp_path, "--format", "jsonl", max_bytes=4096, max_pixels=60_000)
    codes = [json.loads(line)["error"]["code"] for line in result.stdout.splitlines()]
    assert codes == ["photo_too_large"] * 2 + ["too_many_pixels"] * 2


def test_a_file_that_cannot_be_read_is_an_error_of_its_own(
    loader: Loader, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not chmod: root, as whom tests run in many a container, reads everything.
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    result = run(loader, photos / "b.JPG", "--format", "jsonl", "--language", "en")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error == {"code": "unreadable", "message": "Permission denied"}


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders named deep cannot be read. Not by chmod, for the same reason."""
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.usefixtures("closed")
def test_a_folder_that_cannot_be_read_is_named_and_stops_nobody(
    loader: Loader, photos: Path
) -> None:
    result = run(loader, photos, photos / "deep", "--language", "en")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    said = f"{photos / 'deep'}: This folder cannot be read (Permission denied)."
    assert result.stderr.count(said) == 1, "once, however often it is met"
    assert result.stderr.endswith("1 of the folders could not be read.\n")


@pytest.mark.usefixtures("closed")
def test_where_no_folder_can_be_read_the_usage_is_not_to_blame(
    loader: Loader, photos: Path
) -> None:
    result = run(loader, photos / "deep")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "This folder cannot be read" in result.stderr and "Usage" not in result.stderr


def test_a_photo_that_cannot_be_looked_at_is_not_left_out(
    loader: Loader, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:  # as where a folder may be listed and no more
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    result = run(loader, photos, "--language", "en")
    assert result.exit_code == 1
    assert "3 of 3 photos failed." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument"),
        (["no-such-file.jpg"], "does not exist"),
        (["--language", "fr"], "is not one of"),
        (["--beam-width", "11"], "not in the range"),
        (["--engine", "onnx"], "is not one of"),
        (["--format", "xml"], "is not one of"),
        (["--model", "no-such-model"], "there is no folder"),
    ],
)
def test_wrong_usage_ends_with_2(
    loader: Loader, photos: Path, arguments: list[str], words: str
) -> None:
    paths = [str(photos)] if arguments and arguments[0].startswith("--") else []
    result = run(loader, *paths, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_folder_without_photos_is_wrong_usage(loader: Loader, tmp_path: Path) -> None:
    result = run(loader, tmp_path)
    assert result.exit_code == 2
    assert "no file that ends in .jpg, .jpeg, .jfif, .png" in result.stderr


def test_the_model_and_engine_asked_for_are_the_only_ones_loaded(
    loader: Loader, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "chinese").mkdir()
    result = run(loader, photos, "--model", tmp_path / "chinese", "--engine", "tensorflow")
    assert loader.asked == [(tmp_path / "chinese", "tensorflow")]
    assert {line.split("\t")[1] for line in result.stdout.splitlines()} == {"zh"}
    result = run(loader, photos, "--model", tmp_path / "chinese", "--language", "en")
    assert result.exit_code == 2
    assert "chinese speaks zh, not en." in result.stderr


def test_a_broken_checkpoint_is_told_in_its_sentence(
    loader: Loader, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    result = run(loader, photos, "--model", tmp_path / "broken")
    assert result.exit_code == 1
    assert result.stderr == "Error: The checkpoint is broken.\n"


def test_the_beam_width_is_passed_on(
    loader: Loader, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = []
    decode = FakeCaptioner.decode

    def watched(self: FakeCaptioner, encoding, language, beam_width, mention):  # type: ignore[no-untyped-def]
        widths.append(beam_width)
        return decode(self, encoding, language, beam_width, mention)

    monkeypatch.setattr(FakeCaptioner, "decode", watched)
    run(loader, photos / "b.JPG", "--language", "en", "--beam-width", "7")
    run(loader, photos / "b.JPG", "--language", "en", beam_width=5)
    assert widths == [7, 5]


def test_under_flask_caption_the_application_loads_no_model(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    monkeypatch.setattr(sys, "argv", ["flask", "--app", "wsgi", "caption", "a.jpg"])
    create_app(Settings(), loader)
    assert loader.asked == []
    monkeypatch.setattr(sys, "argv", ["flask", "--app", "wsgi", "run"])
    assert not cli.loads_its_own_model()


def test_what_systems_leave_beside_photos_is_not_captioned(loader: Loader, tmp_path: Path) -> None:
    """But for what is named on the command line itself."""
    names = ["a.jpg", "b.jfif", "._a.jpg", ".hidden.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg"]
    names += [".thumbnails/c.jpg", ".git/annex/objects/d.jpg", "#recycle/e.jpg", "__MACOSX/._f.jpg"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg())
    said = run(loader, tmp_path, "--language", "en").stdout
    assert [line.split("\t")[0] for line in said.splitlines()] == [
        str(tmp_path / name) for name in ("a.jpg", "b.jfif")
    ]
    for name in ("._a.jpg", ".thumbnails"):
        assert run(loader, tmp_path / name, "--language", "en").exit_code == 0


@pytest.mark.parametrize("encoding", ["gbk", "latin-1", "utf-8"])
def test_no_name_is_too_strange_for_a_terminal(
    loader: Loader, tmp_path: Path, encoding: str
) -> None:
    """In a process of its own, whose streams have that encoding."""
    (tmp_path / "图 café 😀.jpg").write_bytes(jpeg())
    (tmp_path / "naïve 🙈.jpg").write_bytes(b"broken")
    code = (
        "import sys; from pathlib import Path; from tests.command import load_fake; "
        "from app import cli; from app.config import Settings; "
        "cli.command(Settings(models=(Path(sys.argv[1]),)), load_fake)(sys.argv[2:])"
    )
    model = checkpoint(tmp_path / "fake")
    for form in ("text", "csv", "jsonl"):
        result = subprocess.run(
            [sys.executable, "-c", code, str(model), str(tmp_path), "--format", form],
            env=os.environ | {"PYTHONIOENCODING": encoding},
            cwd=ROOT,
            capture_output=True,
        )
        said, problems = (one.decode(encoding) for one in (result.stdout, result.stderr))
        assert result.returncode == 1, problems
        assert "Traceback" not in problems and "1 of 2 photos failed." in problems
        assert ".jpg" in said and said.startswith("\ufeff") == (
            (form, encoding) == ("csv", "utf-8")
        )
