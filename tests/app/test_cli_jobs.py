"""Several processes, some of which die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from app.config import ROOT
from app.models import Load
from benchmarks import folder as benchmark
from tests import command
from tests.command import DEADLY, DEADLY_ONCE, checkpoint, real_photos, rows
from tests.fakes import SAID, jpeg


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "fake")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(jpeg())
    return folder


def run(model: Path, load: Load, photos: Path, *arguments: str):  # type: ignore[no-untyped-def]
    return command.run(
        model, load, photos, "--jobs", 2, "--format", "jsonl", "--language", "en", *arguments
    )


def test_every_photo_is_captioned_once(model: Path, photos: Path) -> None:
    result = run(model, command.load_fake, photos)
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(Path(row["path"]).name for row in found) == [f"{n}.jpg" for n in range(6)]
    assert {row["text"] for row in found} == {SAID["en"][0]}


def test_a_photo_at_which_a_process_dies_is_tried_again(model: Path, photos: Path) -> None:
    (photos / "2.jpg").write_bytes(jpeg(DEADLY_ONCE))
    result = run(model, command.load_mortal, photos)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 6


def test_a_photo_at_which_two_die_is_an_error_and_stops_nobody(model: Path, photos: Path) -> None:
    (photos / "2.jpg").write_bytes(jpeg(DEADLY))
    result = run(model, command.load_mortal, photos)
    assert result.exit_code == 1
    errors = {
        Path(row["path"]).name: row["error"]
        for row in map(json.loads, result.stdout.splitlines())
        if "error" in row
    }
    assert list(errors) == ["2.jpg"]
    assert errors["2.jpg"]["code"] == "worker_died"
    assert "the last by SIGKILL" in errors["2.jpg"]["message"]


def test_processes_that_die_while_they_start_end_the_run(model: Path, photos: Path) -> None:
    result = run(model, command.load_dead, photos)
    assert result.exit_code == 1
    assert "with exit status 3" in result.stderr and "fewer --jobs" in result.stderr


def test_a_broken_checkpoint_is_told_in_its_sentence(model: Path, photos: Path) -> None:
    result = run(model, command.load_broken, photos)
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: The checkpoint is broken.\n")


def test_languages_come_from_the_checkpoint(model: Path, photos: Path) -> None:
    result = command.run(model, command.load_fake, photos, "--jobs", 2)
    assert Counter(line.split("\t")[1] for line in result.stdout.splitlines()) == {"en": 6, "zh": 6}


MANY = 400


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in a folder, for the model that is shipped."""
    return real_photos(tmp_path_factory.mktemp("sixty"), 60)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kill_loses_nothing_and_doubles_nothing(sixty: Path, tmp_path: Path, jobs: int) -> None:
    output = tmp_path / "captions.jsonl"
    options = ["--output", str(output), "--jobs", str(jobs)]
    benchmark.killed(sixty, options, lambda: benchmark.lines(output) >= 20)
    before = rows(output)
    assert 20 <= len(before) < 120
    benchmark.finished(sixty, options)
    assert rows(output)[: len(before)] == before, "what was done is not done again"
    pairs = Counter((Path(row["path"]).name, row["language"]) for row in rows(output))
    assert len(pairs) == 120 and set(pairs.values()) == {1}
    assert all(row["text"] for row in rows(output))


def children(process: int) -> list[int]:
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def workers(process: int) -> list[int]:
    return [one for one in children(process) if b"spawn_main" in cmdline(one)]


def cmdline(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def wait_until(condition) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_process_is_replaced_and_ctrl_c_ends_them_all(tmp_path: Path) -> None:
    output, photos = tmp_path / "captions.jsonl", tmp_path / "photos"
    photos.mkdir()
    # So many that they are not done before the other process has come.
    real_photos(photos, MANY)
    with subprocess.Popen(
        [sys.executable, "-m", *benchmark.COMMAND, photos, "--output", output, "--jobs", "2"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        # A shell lets what runs in its background ignore Ctrl-C, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        wait_until(lambda: benchmark.lines(output) >= 10)
        first, second = workers(process.pid)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len({*workers(process.pid)} - {first, second}) == 1)
        there = children(process.pid)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "Stopped. The same command goes on from here." in said
    assert "Traceback" not in said
    wait_until(lambda: not any(Path(f"/proc/{one}").exists() for one in there))
    benchmark.finished(photos, ["--output", str(output), "--jobs", "2"])
    done = {(row["path"], row["language"]) for row in rows(output)}
    assert len(done) == len(rows(output)) == 2 * MANY
