"""Results in a file, that a second run goes on with."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import Result

from tests.command import checkpoint, load_fake, rows, run
from tests.fakes import SAID, FakeCaptioner, jpeg

NAMES = ("a.jpg", "b, 图.jpg", "c.jpg")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "fake")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(jpeg())
    return folder


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The photos that were captioned."""
    shapes: list[tuple[int, ...]] = []
    encode = FakeCaptioner.encode
    monkeypatch.setattr(
        FakeCaptioner, "encode", lambda self, one: shapes.append(one.shape) or encode(self, one)
    )
    return shapes


class Command:
    """`flask caption photos --output FILE`, run again and again."""

    def __init__(self, model: Path, photos: Path, output: Path):
        self.model, self.photos, self.output = model, photos, output

    def __call__(self, *arguments: object) -> Result:
        return run(self.model, load_fake, self.photos, "--output", self.output, *arguments)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(Path(row["path"]).name, row["language"]) for row in rows(self.output)]


@pytest.fixture
def command(model: Path, photos: Path, tmp_path: Path) -> Command:
    return Command(model, photos, tmp_path / "captions.jsonl")


def left_beside(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.glob(f"{output.name}*"))


BOTH = [(name, language) for name in NAMES for language in ("en", "zh")]


def test_a_file_holds_what_the_standard_output_would(command: Command) -> None:
    result = command()
    assert (result.exit_code, result.stdout) == (0, "")
    shown = run(command.model, load_fake, command.photos, "--format", "jsonl").stdout
    assert command.output.read_text(encoding="utf-8") == shown
    assert command.pairs == BOTH


@pytest.mark.parametrize("form", ["jsonl", "csv", "text"])
def test_a_second_run_leaves_out_what_is_done(
    command: Command, form: str, seen: list[tuple[int, ...]]
) -> None:
    command("--format", form)
    before = command.output.read_bytes()
    (command.photos / "d.jpg").write_bytes(jpeg(65))
    seen.clear()
    result = command("--format", form)
    assert seen == [(48, 65, 3)]
    after = command.output.read_bytes()
    assert after.startswith(before) and after.count(b"d.jpg") == 2
    assert "3 of 4 photos are done already." in result.stderr
    assert "[4/4]" in result.stderr


def test_the_name_of_the_file_says_the_format(command: Command, tmp_path: Path) -> None:
    starts = {"a.jsonl": "{", "a.csv": "\ufeffpath,", "a.txt": str(command.photos)}
    capitals = {"A.JSONL": "{", "A.CSV": "\ufeffpath,"}
    for name, start in (starts | capitals).items():
        command.output = tmp_path / name
        command()
        assert command.output.read_text(encoding="utf-8").startswith(start)
    command.output = tmp_path / "b.csv"
    command("--format", "jsonl")
    assert command.pairs == BOTH


def test_csv_has_one_header_however_often_it_is_gone_on_with(command: Command) -> None:
    command("--format", "csv", "--language", "en")
    command("--format", "csv")
    with command.output.open(newline="", encoding="utf-8-sig") as file:
        found = list(csv.DictReader(file))
    assert sorted((Path(row["path"]).name, row["language"]) for row in found) == BOTH


@pytest.mark.parametrize("form", ["jsonl", "csv", "text"])
def test_a_half_line_is_mended_wherever_it_was_cut(command: Command, form: str) -> None:
    command("--format", form)
    whole = command.output.read_bytes()
    for cut in range(1, 150, 11):
        command.output.write_bytes(whole[:-cut])
        assert command("--format", form).exit_code == 0
        assert sorted(command.output.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_another_language_is_added(command: Command) -> None:
    command("--language", "zh")
    command("--language", "en")
    assert sorted(command.pairs) == BOTH
    before = command.output.read_bytes()
    assert command().exit_code == 0
    assert command.output.read_bytes() == before


@pytest.mark.parametrize("form", ["jsonl", "csv", "text"])
def test_a_photo_that_failed_is_tried_again(command: Command, form: str) -> None:
    broken = command.photos / "a.jpg"
    broken.write_bytes(b"GIF89a")
    assert command("--format", form).exit_code == 1
    again = command("--format", form)
    assert again.exit_code == 1 and "2 of 3 photos are done already." in again.stderr
    broken.write_bytes(jpeg())
    assert command("--format", form).exit_code == 0
    text = command.output.read_text(encoding="utf-8")
    assert "GIF" not in text and text.count("a.jpg") == 2


def test_the_same_photo_by_another_path_is_the_same(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(command.photos.parent)
    command()
    command.photos = Path("photos/../photos")
    assert "3 of 3 photos are done already." in command().stderr


def test_a_photo_named_twice_is_captioned_once(command: Command) -> None:
    result = run(
        command.model, load_fake, command.photos, command.photos / "a.jpg", "--language", "en"
    )
    assert result.stdout.count("a.jpg") == 1


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([], ["--beam-width", "2"], "was made with --beam-width 3."),
        (["--format", "csv"], [], "was made in the format csv."),
    ],
)
def test_a_file_made_otherwise_is_refused(
    command: Command, first: list[str], second: list[str], words: str
) -> None:
    command(*first)
    before = command.output.read_bytes()
    result = command(*second)
    assert result.exit_code == 1 and words in result.stderr
    assert command.output.read_bytes() == before
    command.output.unlink()
    assert command(*second).exit_code == 0, "what is no more needs no care"


def test_a_file_of_another_model_is_refused(command: Command, tmp_path: Path) -> None:
    command()
    first, command.model = command.model, checkpoint(tmp_path / "other")
    assert "was made by the model fake and by another version" in command().stderr
    command.model = first
    manifest = json.loads((first / "manifest.json").read_text())
    (first / "manifest.json").write_text(json.dumps({**manifest, "updated": True}))
    assert "was made by another version of the model." in command().stderr


def test_relative_paths_are_not_mixed(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command()
    monkeypatch.chdir(tmp_path)
    assert "was made in the folder" in command().stderr


def test_a_file_that_is_not_ours_is_left_alone(command: Command) -> None:
    command.output.write_text("a diary\n")
    for _ in range(2):
        result = command()
        assert result.exit_code == 1 and "not made by this command" in result.stderr
    assert command.output.read_text() == "a diary\n"


def test_a_line_that_is_not_ours_is_not_lost(command: Command) -> None:
    command()
    whole = command.output.read_text(encoding="utf-8")
    command.output.write_text("a diary\n" + whole, encoding="utf-8")
    result = command()
    assert result.exit_code == 1 and "has a line, the 1., that is not Kantu's" in result.stderr
    assert command.output.read_text(encoding="utf-8") == "a diary\n" + whole
    assert left_beside(command.output) == ["captions.jsonl", "captions.jsonl.kantu"]


def test_two_runs_do_not_write_the_same_file(command: Command) -> None:
    command()
    before = command.output.read_bytes()
    with Path(f"{command.output}.kantu").open() as companion:
        fcntl.flock(companion, fcntl.LOCK_EX)
        result = command()
    assert result.exit_code == 1
    assert "another run. Wait for it, or choose another --output.\n" in result.stderr
    assert command.output.read_bytes() == before
    assert command().exit_code == 0


def test_a_full_disk_is_told_and_leaves_what_is_done(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("--language", "en")
    before = command.output.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        result = command()
    assert result.exit_code == 1
    assert "cannot be written: No space left on device. What is in it stays" in result.stderr
    assert command.output.read_bytes() == before
    assert left_beside(command.output) == ["captions.jsonl", "captions.jsonl.kantu"]
    command()
    assert sorted(command.pairs) == BOTH


def test_a_folder_that_is_not_there_is_told(command: Command) -> None:
    shutil.rmtree(command.photos)
    command.photos.mkdir()
    (command.photos / "a.jpg").write_bytes(jpeg())
    command.output = command.output.parent / "nowhere" / "captions.jsonl"
    result = command()
    assert result.exit_code == 1
    assert "No such file or directory. Make its folder first, or" in result.stderr
    assert "stays" not in result.stderr, "there is nothing"


def test_a_file_that_cannot_be_begun_is_told(command: Command) -> None:
    command.output = command.photos / "a.jpg" / "captions.jsonl"
    result = command()
    assert result.exit_code == 1
    assert result.stderr.endswith("Not a directory. Choose another --output.\n")


def test_names_that_are_not_utf8_stay_apart(command: Command) -> None:
    folder = os.fsencode(command.photos)
    for name in ("中".encode("gbk"), "狗".encode("gbk")):
        (Path(os.fsdecode(folder + b"/" + name + b".jpg"))).write_bytes(jpeg())
    command("--language", "en")
    assert r"\xd6\xd0.jpg" in {name for name, _ in command.pairs}
    assert len(set(command.pairs)) == 5
    assert "5 of 5 photos are done already." in command("--language", "en").stderr


@pytest.mark.parametrize("form", ["jsonl", "csv", "text"])
def test_a_name_with_a_line_break_is_one_record(command: Command, form: str) -> None:
    (command.photos / "two\nlines\t.jpg").write_bytes(jpeg())
    command("--format", form)
    assert "4 of 4 photos are done already." in command("--format", form).stderr


def test_an_unknown_fault_is_that_photo_s_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command.photos / "b, 图.jpg").write_bytes(jpeg(65))
    encode = FakeCaptioner.encode

    def fail(self: FakeCaptioner, photo):  # type: ignore[no-untyped-def]
        if photo.shape[1] == 65:
            raise RuntimeError("of the engine")
        return encode(self, photo)

    monkeypatch.setattr(FakeCaptioner, "encode", fail)
    assert command("--language", "en").exit_code == 1
    first, second, third = rows(command.output)
    assert second["error"]["code"] == "internal_error"
    assert "RuntimeError: of the engine" in second["error"]["message"]
    assert first["text"] == third["text"] == SAID["en"][0]


@pytest.mark.parametrize("kind", ["device", "fifo", "pipe"])
def test_what_is_no_file_is_left_as_it_is(command: Command, tmp_path: Path, kind: str) -> None:
    """A device was replaced by a file, a FIFO hung."""
    reading, writing = os.pipe()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    paths = {"device": "/dev/null", "fifo": fifo, "pipe": f"/dev/fd/{writing}"}
    command.output = Path(paths[kind])
    before = os.stat(command.output)
    result = command("--format", "jsonl")
    assert result.exit_code == 1
    assert "is not a file" in result.stderr and "Leave --output out" in result.stderr
    assert os.stat(command.output)[:2] == before[:2]
    assert not Path(f"{command.output}.kantu").exists()
    for one in (reading, writing):
        os.close(one)


def test_a_file_keeps_its_mode_and_its_link(command: Command, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "captions.jsonl"
    real.parent.mkdir()
    command.output.symlink_to(real)
    command("--language", "en")
    real.chmod(0o600)
    command()
    assert command.output.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert command.pairs == sorted(BOTH, key=lambda pair: (pair[1], pair[0]))


def test_a_name_that_a_spreadsheet_would_run_is_guarded(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And known again by the next run."""
    strange = ("=1+1.jpg", "@a.jpg", "-b.jpg", "'c.jpg", "''d.jpg")
    for name in strange:
        (command.photos / name).write_bytes(jpeg())
    monkeypatch.chdir(command.photos)
    arguments = ["--format", "csv", "--language", "en"]
    first = run(command.model, load_fake, "--output", command.output, *arguments, "--", *strange)
    assert first.exit_code == 0, first.output
    with command.output.open(newline="", encoding="utf-8-sig") as file:
        found = [row["path"] for row in csv.DictReader(file)]
    assert found == [f"'{name}" for name in strange]
    again = run(command.model, load_fake, "--output", command.output, *arguments, "--", *strange)
    assert "5 of 5 photos are done already." in again.stderr


def test_a_path_that_cannot_be_looked_at_is_told(command: Command, tmp_path: Path) -> None:
    command.output = tmp_path / ("a" * 300 + ".jsonl")
    result = command()
    assert result.exit_code == 1
    assert "cannot be written: File name too long." in result.stderr
