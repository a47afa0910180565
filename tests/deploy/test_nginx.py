"""The shipped site in a real nginx, in front of a real gunicorn with the shipped checkpoint."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.config import ROOT, MiB
from tests.fakes import jpeg, multipart
from tests.server import SETTINGS, free_port

MULTIPART = {"Content-Type": "multipart/form-data; boundary=boundary"}
ECHO = "tests.deploy.echo_wsgi"
PLAIN = ["--worker-class=gthread"]  # Kantu's own wants Kantu's application
RENDER = "source deploy/steps.sh; PORT=$1; render_site deploy/nginx-site.conf"
# What Debian's nginx.conf says around a site.
AROUND = """
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/other;
    uwsgi_temp_path {folder}/other;
    scgi_temp_path {folder}/other;
    include {folder}/site;
}}
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served("wsgi", tmp_path_factory.mktemp("nginx")) as number:
        yield number


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served(ECHO, tmp_path_factory.mktemp("echo"), *PLAIN) as number:
        yield number


@contextmanager
def served(module: str, folder: Path, *options: str) -> Iterator[int]:
    """The public port."""
    upstream, port = folder / "http", free_port()
    site = subprocess.run(
        ["bash", "-euc", RENDER, "bash", str(port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # Here, a site of another path and with less patience than on a server.
    site = site.replace("/opt/kantu/current/run/http", str(upstream)).replace(" 10s;", " 2s;")
    (folder / "site").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", str(SETTINGS)]
    commands = [
        [*gunicorn, "--bind", f"unix:{upstream}", *options, module],
        ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")],
    ]
    environment = {**os.environ, "KANTU_PROXIES": "1", "KANTU_RATE_LIMIT": "off"}
    environment["PATH"] += ":/usr/sbin"
    with (folder / "log").open("w") as log:
        processes = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            for command in commands
        ]
    try:
        wait(port, folder)
        yield port
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)


def wait(port: int, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if ask(port, "GET", "/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError((folder / "log").read_text())


def ask(
    port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, str, http.client.HTTPMessage]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, body, headers or {})  # type: ignore[arg-type]
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers


def test_a_photo_is_captioned(port: int) -> None:
    status, body, headers = ask(
        port, "POST", "/api/v1/captions", multipart(jpeg(400, 300)), MULTIPART
    )
    assert status == 200, body
    assert json.loads(body)["photos"][0]["captions"][0]["text"].endswith(".")
    assert headers["Server"] == "nginx"  # which version, nobody needs to know


def test_a_photo_without_a_length_is_captioned(port: int) -> None:
    data = multipart(jpeg(400, 300))
    status, body, _ = ask(
        port, "POST", "/api/v1/captions", iter([data[:500], data[500:]]), MULTIPART
    )
    assert status == 200, body


def test_the_page_s_own_form_is_not_taken_for_another_site_s(port: int) -> None:
    for sender, expected in ((f"127.0.0.1:{port}", 200), ("elsewhere.example", 403)):
        headers = {**MULTIPART, "Origin": f"http://{sender}"}
        assert ask(port, "POST", "/", multipart(jpeg(400, 300)), headers)[0] == expected


def test_kantu_itself_says_that_a_photo_is_too_large(port: int) -> None:
    body = multipart(b"\xff\xd8" + bytes(40 * MiB))
    status, answer, _ = ask(port, "POST", "/api/v1/captions", body, MULTIPART)
    assert (status, json.loads(answer)["error"]["code"]) == (413, "photo_too_large")


def test_nginx_refuses_what_is_far_too_large_in_the_same_form(port: int) -> None:
    headers = {**MULTIPART, "Content-Length": str(100 * MiB), "Expect": "100-continue"}
    status, answer, _ = ask(port, "POST", "/api/v1/captions", b"", headers)
    error = json.loads(answer)["error"]
    assert (status, error["code"]) == (413, "request_too_large")
    assert error["message"]


def test_nginx_writes_neither_a_photo_nor_the_page_with_it_to_the_disk(
    tmp_path: Path,
) -> None:
    """The folders for that are taken away, so it would fail. What it sends is more than its buffers
    hold, and the client reads slowly."""
    with served(ECHO, tmp_path, *PLAIN) as port:
        shutil.rmtree(tmp_path / "body")
        shutil.rmtree(tmp_path / "proxy")
        body = bytes(20 * MiB)
        pieces = (body[start : start + MiB] for start in range(0, len(body), MiB))
        for sent in (body, pieces):
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("POST", "/back", sent)
                answer = connection.getresponse()
                time.sleep(1)
                assert (answer.status, len(answer.read())) == (200, len(body))


def test_a_forged_address_does_not_pass(echo: int) -> None:
    forged = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Proto": "https",
        "x_forwarded_for": "5.6.7.8",
    }
    seen = ask(echo, "GET", "/", headers=forged)[1]
    assert "HTTP_X_FORWARDED_FOR: 127.0.0.1\n" in seen
    assert "HTTP_X_FORWARDED_PROTO: http\n" in seen
    assert "1.2.3.4" not in seen and "5.6.7.8" not in seen


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /api/v1/captions HTT",
        b"POST /api/v1/captions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this",
    ],
    ids=["headers", "body"],
)
def test_a_client_that_falls_silent_is_cut_off(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        began = time.monotonic()
        client.sendall(sent)
        with pytest.raises((ConnectionResetError, EOFError)):
            if client.recv(1000):
                pytest.fail("an answer came to half a request")
            raise EOFError
        assert 1.5 < time.monotonic() - began < 10


def test_an_address_has_a_limited_number_of_connections(port: int) -> None:
    head = b"POST /api/v1/captions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    clients = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(220)]
    try:
        for client in clients:
            client.sendall(head)
        time.sleep(0.3)
        status, body, headers = ask(port, "GET", "/healthz")
        assert (status, json.loads(body)["error"]["code"]) == (429, "rate_limited")
        assert headers["Retry-After"]
    finally:
        for client in clients:
            client.close()


def test_while_kantu_is_away_it_says_come_back(tmp_path: Path) -> None:
    with served(ECHO, tmp_path, *PLAIN) as port:
        (tmp_path / "http").unlink()
        status, body, headers = ask(port, "GET", "/")
        assert (status, json.loads(body)["error"]["code"]) == (503, "busy")
        assert headers["Retry-After"]
