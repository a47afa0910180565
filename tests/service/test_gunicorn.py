"""The whole service under gunicorn."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from shutil import copytree

import pytest

from app.config import ROOT
from tests.fakes import jpeg, multipart
from tests.server import FAKE, SETTINGS, command, free_port, serving, wait

CHECKPOINT = ROOT / "model_assets" / "kantu-2"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=boundary"}
MiB = 1024 * 1024


@pytest.fixture(scope="module")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(FAKE, tmp_path_factory.mktemp("fake") / "log") as address:
        yield address


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """With the checkpoint that comes with Kantu."""
    with serving("wsgi", tmp_path_factory.mktemp("real") / "log") as address:
        yield address


def request(address: str, method: str, path: str, body: object = None) -> tuple[int, dict]:
    """With http.client, which sends the whole body before it looks for an answer."""
    with closing(HTTPConnection(address.removeprefix("http://"), timeout=60)) as connection:
        connection.request(method, path, body, MULTIPART)  # type: ignore[arg-type]
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@pytest.mark.parametrize("path", ["/api/v1/captions", "/api/v1/no-such-place"])
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_a_large_body_gets_its_answer_and_not_a_reset_connection(
    fake_server: str, path: str, chunked: bool
) -> None:
    body = multipart(bytes(40 * MiB))
    pieces = (body[start : start + MiB] for start in range(0, len(body), MiB))
    status, answer = request(fake_server, "POST", path, pieces if chunked else body)
    expected = 404 if path.endswith("place") else 413
    assert status == expected, answer
    assert answer["error"]["message"]


def test_a_large_photo_is_told_how_large_it_may_be(fake_server: str) -> None:
    status, answer = request(
        fake_server, "POST", "/api/v1/captions", multipart(b"\xff\xd8" + bytes(30 * MiB))
    )
    assert (status, answer["error"]["code"]) == (413, "photo_too_large")
    assert "10 MB" in answer["error"]["message"]


def test_it_is_ready_with_the_checkpoint_that_comes_with_it(server: str) -> None:
    status, answer = request(server, "GET", "/readyz")
    assert (status, answer["models"]) == (200, ["kantu-2"])


def test_it_captions_a_photo(server: str) -> None:
    status, answer = request(server, "POST", "/api/v1/captions", multipart(jpeg(400, 300)))
    assert status == 200, answer
    english, chinese = answer["photos"][0]["captions"]
    assert (english["language"], chinese["language"]) == ("en", "zh")
    assert english["text"].endswith(".") and chinese["text"].endswith("。")
    assert english["log_probability"] < 0


def test_a_broken_checkpoint_refuses_to_start_with_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    copytree(CHECKPOINT, broken)
    vocabulary = broken / "vocabulary_en.txt"
    vocabulary.write_bytes(vocabulary.read_bytes() + b"one\nmore\n")
    ended = subprocess.run(
        command(free_port(), "wsgi"),
        cwd=ROOT,
        env={**os.environ, "KANTU_MODELS": str(broken)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode != 0
    assert "Kantu cannot start: " in ended.stderr
    assert vocabulary.name in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("host", "shown"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")])
def test_it_listens_on_addresses_of_both_kinds(host: str, shown: str, tmp_path: Path) -> None:
    port = str(free_port())
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", str(SETTINGS), FAKE],
            cwd=ROOT,
            env=os.environ | {"HOST": host, "PORT": port},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait(process, f"http://{shown}:{port}", tmp_path / "log")
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("127.0.0.1", "cannot listen on 127.0.0.1:{port}: Address already in use."),
        ("192.0.2.1", "cannot listen on 192.0.2.1:{port}: Cannot assign requested address."),
        ("2001:db8::1", "cannot listen on [2001:db8::1]:{port}: Cannot assign requested address."),
    ],
)
def test_the_command_that_serves_says_why_it_cannot(
    host: str, sentence: str, tmp_path: Path
) -> None:
    """Called through a link, as from a folder of programs."""
    link = tmp_path / "kantu"
    link.symlink_to(ROOT / "script" / "server")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        environment = os.environ | {"HOST": host, "PORT": port}
        result = subprocess.run([link], env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert sentence.format(port=port) in result.stderr
