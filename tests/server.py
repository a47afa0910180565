"""A real gunicorn with the settings of deploy/, as users run it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import ROOT

SETTINGS = ROOT / "deploy" / "gunicorn.conf.py"
FAKE = "tests.service.fake_wsgi"


def command(port: int, module: str) -> list[str]:
    # Bound here, last: the command line outweighs the file.
    settings = ["--config", str(SETTINGS), "--bind", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "gunicorn", *settings, module]


@contextmanager
def serving(module: str, log: Path, **environment: str) -> Iterator[str]:
    """The address of a server that is ready; its output goes to `log`."""
    port = free_port()
    with log.open("w") as output:
        server = subprocess.Popen(
            command(port, module),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(server, address, log)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address + "/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not come up:\n{log.read_text()}")
