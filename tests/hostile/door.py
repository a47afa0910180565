"""The upload door of a running server, and what the server needs of memory."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable
from contextlib import suppress

from benchmarks.weighing import kilobytes
from tests.server import Server

PATIENCE = 120
"""Seconds without a byte, after which an answer counts as a hang."""


def knock(server: Server, pieces: Iterable[bytes]) -> str:
    """Sends a request and says how it ended: see corpus.py, or "hang"."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        try:
            # A server that has read enough closes, and has answered before.
            with suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    client.sendall(piece)
                client.shutdown(socket.SHUT_WR)
            return _outcome(_answer(client))
        except TimeoutError:
            return "hang"


def _answer(client: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(65_536):
            received += piece
    return received


def _outcome(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1.1 (\d{3}) ", head)
    if not status:
        return "closed"
    code = ""
    if b"application/json" in head and not status[1].startswith(b"2"):
        code = json.loads(body)["error"]["code"]
    return f"{status[1].decode()} {code}".strip()


def peak_megabytes(server: Server) -> float:
    """The most that the workers ever held, and what gunicorn holds beside."""
    workers = sum(kilobytes(f"/proc/{pid}/status", "VmHWM") for pid in server.workers)
    return (workers + kilobytes(f"/proc/{server.process.pid}/smaps_rollup", "Pss")) / 1024
