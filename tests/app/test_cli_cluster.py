"""The same on a Ray cluster, of two nodes on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import ROOT
from benchmarks.folder import COMMAND, killed, lines
from benchmarks.workers import cluster
from tests.command import checkpoint, load_fake, real_photos, rows, run
from tests.fakes import jpeg

PHOTOS = 120
"""So many that a command is killed before it is done: what the cluster has done comes in bursts."""


def test_where_ray_is_not_installed_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.run.find_spec", lambda name: None)
    (tmp_path / "a.jpg").write_bytes(jpeg())
    model = checkpoint(tmp_path / "fake")
    result = run(model, load_fake, tmp_path / "a.jpg", "--engine-cluster", "auto")
    assert result.exit_code == 1
    assert "pip install -r requirements-cluster.txt" in result.stderr


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster(2) as address:
        yield address


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real ones, and one that is broken."""
    folder = real_photos(tmp_path_factory.mktemp("photos"), PHOTOS)
    (folder / "broken.jpg").write_bytes(b"GIF89a")
    return folder


def caption(photos: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *COMMAND, photos, *map(str, options)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
    )


def workers() -> list[int]:
    """The process ids of this cluster's workers that have the model."""
    found, ours = [], os.environ["RAY_AUTH_TOKEN"].encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line, settings = ((process / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue
        if line.startswith(b"ray::") and b"ClusterWorker" in line and ours in settings:
            found.append(int(process.name))
    return found


def test_a_cluster_says_what_this_machine_says_and_kills_lose_nothing(
    address: str, photos: Path, tmp_path: Path
) -> None:
    """Of one worker, and then of the command, which is started again."""
    here, output = tmp_path / "here.jsonl", tmp_path / "captions.jsonl"
    assert caption(photos, "--output", here).returncode == 1
    options = ["--output", str(output), "--engine-cluster", address, "--jobs", "2"]

    def one_worker_gone_and_more_done() -> bool:
        if lines(output) and not gone:
            gone.append(workers()[0])
            os.kill(gone[0], signal.SIGKILL)
        return lines(output) >= PHOTOS

    gone: list[int] = []
    killed(photos, options, one_worker_gone_and_more_done)
    before = rows(output)
    assert len(before) < 2 * PHOTOS
    done = caption(photos, *options)
    assert "photos are done already." in done.stderr and done.returncode == 1, done.stderr
    assert sorted(output.read_text().splitlines()) == sorted(here.read_text().splitlines())


def test_workers_go_when_the_command_has_gone(address: str) -> None:
    deadline = time.monotonic() + 120
    while workers():
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.mark.parametrize("token", ["0" * 64, None])
def test_a_wrong_token_gets_a_sentence(
    address: str, photos: Path, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray would go on asking for half a minute.
    monkeypatch.setenv("RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S", "1")
    monkeypatch.setenv("RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S", "1")
    if token:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    else:
        monkeypatch.delenv("RAY_AUTH_MODE")
        monkeypatch.delenv("RAY_AUTH_TOKEN")
    done = caption(photos, "--engine-cluster", address)
    assert done.returncode == 1
    assert f"There is no way to the cluster {address}: " in done.stderr
    assert "set RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN here." in done.stderr
    assert "Warning" not in done.stderr


def test_an_address_where_nobody_is_gets_a_sentence(photos: Path) -> None:
    done = caption(photos, "--engine-cluster", "127.0.0.1:9")
    assert done.returncode == 1
    assert "There is no way to the cluster 127.0.0.1:9" in done.stderr
    assert "TOKEN" not in done.stderr
    assert "Traceback" not in done.stderr
