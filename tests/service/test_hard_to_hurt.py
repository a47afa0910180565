"""What slow, rude and unlucky clients do to the service under gunicorn: nothing to the others."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

import pytest

from app.config import ROOT
from tests.fakes import jpeg, multipart
from tests.server import Server, running
from tests.service.slow_wsgi import FOR_EVER, SECOND, THREE_SECONDS

SLOW = "tests.service.slow_wsgi"
IMPATIENT = ROOT / "tests" / "service" / "impatient.conf.py"
API = "/api/v1/captions"
CLIENTS = 120
PATIENCE = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("slow") / "log"
    with running(SLOW, log) as server:
        yield server


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("impatient") / "log"
    with running(SLOW, log, IMPATIENT) as server:
        yield server


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        kind = {"Content-Type": "multipart/form-data; boundary=boundary"} if body else {}
        connection.request(method, path, body, kind | headers)
        response = connection.getresponse()
        return Answer(response, response.read().decode())


class Answer:
    def __init__(self, response: HTTPResponse, text: str):
        self.status, self.headers, self.text = response.status, response.headers, text


def caption(server: Server, width: int = 64) -> int:
    """The status, or 0 where the connection was lost."""
    try:
        return ask(server.port, "POST", API, multipart(jpeg(width, 20))).status
    except (OSError, HTTPException):
        return 0


def metric(server: Server, name: str) -> float:
    text = ask(server.metrics_port, "GET", "/metrics").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def together() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CLIENTS + 1) as together:
        yield together


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: kantu\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: kantu\r\nContent-Length: 999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: kantu\r\nContent-Length: 999\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n",
        b"POST / HTTP/1.1\r\nHost: kantu\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n",
    ],
    ids=["request line", "header", "body", "form", "chunk"],
)
def test_a_client_that_keeps_it_waiting_is_cut_off(impatient: Server, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=PATIENCE) as client:
        client.sendall(sent)
        assert ends(client)


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off_too(impatient: Server) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=0.2) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: kantu\r\nContent-Length: 999999\r\n\r\n")
        deadline = time.monotonic() + PATIENCE
        while not ends(client):
            assert time.monotonic() < deadline
            client.sendall(b"x")


def test_so_many_slow_clients_as_there_are_threads_hold_it_up_for_a_moment_only(
    impatient: Server,
) -> None:
    clients = [socket.create_connection(("127.0.0.1", impatient.port)) for _ in range(40)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
    assert caption(impatient) == 200
    for client in clients:
        client.close()


def ends(client: socket.socket) -> bool:
    """Whether the server has closed the connection, with an answer or without."""
    try:
        while client.recv(65_536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def test_who_can_be_served_in_time_waits_and_holds_no_thread(
    server: Server, together: ThreadPoolExecutor
) -> None:
    # Long enough for all others to come, however busy the machine is that tests it.
    waiting: list[Future[int]] = [together.submit(caption, server, THREE_SECONDS)]
    until(lambda: metric(server, "kantu_queue_length") == 1)
    waiting += [together.submit(caption, server) for _ in range(CLIENTS)]
    until(lambda: metric(server, "kantu_queue_length") == CLIENTS + 1)
    (worker,) = server.workers
    threads = len(os.listdir(f"/proc/{worker}/task"))
    assert not waiting[0].done(), "all wait at the same time"
    assert [one.result() for one in waiting] == [200] * (CLIENTS + 1)
    assert threads < 40, "fewer than clients"


def test_who_cannot_is_told_at_once_when_to_come_back(
    tmp_path: Path, together: ThreadPoolExecutor
) -> None:
    with running(SLOW, tmp_path / "log", KANTU_QUEUE="0") as server:
        first = together.submit(caption, server, THREE_SECONDS)
        until(lambda: metric(server, "kantu_queue_length") == 1)
        second = together.submit(caption, server)
        until(lambda: metric(server, "kantu_queue_length") == 2)
        refused = ask(server.port, "POST", API, multipart(jpeg()))
        assert refused.status == 503 and int(refused.headers["Retry-After"]) >= 1
        assert not first.done(), "it was told while the first was still at work"
        assert (first.result(), second.result()) == (200, 200)


@pytest.mark.parametrize(
    ("number", "head"),
    [
        (9, b"POST /api/v1/captions HTTP/1.1\r\nContent-Length: 33000000\r\n"),
        (9, b"POST /api/v1/captions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"),
        (9, b"POST /api/generate HTTP/1.1\r\nContent-Length: 9000000\r\n"),
        (9, b"POST /sign-in HTTP/1.1\r\nContent-Length: 33000000\r\n"),
        (9, b"POST /nothing HTTP/1.1\r\nContent-Length: 1000000000\r\n"),
        (40, b"PUT / HTTP/1.1\r\nContent-Length: 1000\r\n"),
        (100, b""),
    ],
    ids=["form", "chunked", "door", "sign-in", "nothing", "method", "silent"],
)
def test_slow_uploads_hold_up_nobody(server: Server, number: int, head: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(number):
            client = socket.create_connection(("127.0.0.1", server.port))
            stack.enter_context(client)
            client.sendall(head and head + b"Host: kantu\r\n\r\n")
        # From elsewhere, or, as here, by another program.
        answer = ask(server.port, "POST", API, multipart(jpeg()), **{"User-Agent": "another"})
        assert answer.status == 200
        assert ask(server.port, "GET", "/healthz").status == 200
    until(lambda: metric(server, "kantu_queue_length") == 0)


def test_a_connection_that_waited_serves_the_next_request_too(
    server: Server, together: ThreadPoolExecutor
) -> None:
    body, kind = multipart(jpeg()), {"Content-Type": "multipart/form-data; boundary=boundary"}
    others = [together.submit(caption, server, SECOND) for _ in range(3)]
    until(lambda: metric(server, "kantu_queue_length") == 3)
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)) as connection:
        for _ in range(3):
            connection.request("POST", API, body, kind)
            response = connection.getresponse()
            assert response.status == 200 and response.read()
    assert [one.result() for one in others] == [200] * 3


def test_a_photo_that_hangs_the_model_ends_the_worker_and_another_takes_over(
    server: Server, together: ThreadPoolExecutor
) -> None:
    workers = server.workers
    hanging = together.submit(caption, server, FOR_EVER)
    until(lambda: metric(server, "kantu_queue_length") == 1)
    behind = together.submit(caption, server)
    until(lambda: metric(server, "kantu_queue_length") == 2)
    assert hanging.result() == 0
    assert behind.result() == 0
    assert caption(server) == 200
    assert server.workers != workers
    assert "slow_wsgi.py" in server.log.read_text(), "where it hung"


def test_when_a_worker_is_killed_its_requests_fail_and_no_others(
    server: Server, together: ThreadPoolExecutor
) -> None:
    lost = [together.submit(caption, server, SECOND) for _ in range(3)]
    until(lambda: metric(server, "kantu_queue_length") == 3)
    (worker,) = server.workers
    os.kill(worker, signal.SIGKILL)
    later = [together.submit(caption, server) for _ in range(10)]
    assert [one.result() for one in lost] == [0] * 3
    assert [one.result() for one in later] == [200] * 10


def test_a_stop_finishes_what_began(tmp_path: Path, together: ThreadPoolExecutor) -> None:
    with running(SLOW, tmp_path / "log") as server:
        begun = [together.submit(caption, server, SECOND) for _ in range(3)]
        until(lambda: metric(server, "kantu_queue_length") == 3)
        server.process.terminate()
        assert [one.result() for one in begun] == [200] * 3
        assert server.process.wait(PATIENCE) == 0


def test_metrics_are_on_their_own_port_alone(server: Server) -> None:
    assert caption(server) == 200
    before = metric(server, 'kantu_captions_total{language="en"}')
    assert caption(server) == 200
    assert metric(server, 'kantu_captions_total{language="en"}') == before + 1
    for name in (
        'kantu_requests_total{status="200"}',
        'kantu_stage_seconds_total{stage="encode"}',
        "process_resident_memory_bytes",
    ):
        assert metric(server, name) > 0
    for host in ("kantu", f"127.0.0.1:{server.metrics_port}"):
        assert ask(server.port, "GET", "/metrics", Host=host).status == 404


def test_no_address_is_written_down(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert b"400 Bad Request" in client.recv(100)
    until(lambda: "Invalid request" in server.log.read_text())
    lines = server.log.read_text().splitlines()
    assert not [line for line in lines if "127.0.0.1" in line and "Listening at" not in line]


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded-For", "Script_Name"])
def test_headers_that_proxies_set_are_not_believed(server: Server, name: str) -> None:
    answer = ask(server.port, "GET", "/?lang=zh", **{name: "https"})
    assert answer.status == 200
    assert "Secure" not in answer.headers["Set-Cookie"]
