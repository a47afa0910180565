"""A real gunicorn with the settings of deploy/, as users run it; and a server in this process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from app.config import ROOT

SETTINGS = ROOT / "deploy" / "gunicorn.conf.py"
FAKE = "tests.service.fake_wsgi"


@dataclass(frozen=True)
class Server:
    port: int
    metrics_port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[int]:
        """Their process ids."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]


def command(port: int, module: str, *more: str, settings: Path = SETTINGS) -> list[str]:
    # Bound here, last: the command line outweighs the file.
    words = ["--config", str(settings), "--bind", f"127.0.0.1:{port}", *more]
    return [sys.executable, "-m", "gunicorn", *words, module]


@contextmanager
def running(
    module: str, log: Path, settings: Path = SETTINGS, **environment: str
) -> Iterator[Server]:
    """A server that is ready; its output goes to `log`."""
    port, metrics_port = free_port(), free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            command(port, module, "--bind", f"127.0.0.1:{metrics_port}", settings=settings),
            cwd=ROOT,
            env={**os.environ, "KANTU_METRICS_PORT": str(metrics_port), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(port, metrics_port, process, log)
    try:
        wait(process, server.address, log)
        yield server
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def serving(module: str, log: Path, **environment: str) -> Iterator[str]:
    """The address of a server that is ready; its output goes to `log`."""
    with running(module, log, **environment) as server:
        yield server.address


@contextmanager
def threaded(app: Any, port: int = 0) -> Iterator[BaseWSGIServer]:
    """A server in threads of this process, whose `app` may be exchanged while it runs."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    # It looks so often, in seconds, whether it is to end.
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def address_of(server: BaseWSGIServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address + "/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not come up:\n{log.read_text()}")
