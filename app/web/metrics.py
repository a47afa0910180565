"""/metrics, in Prometheus' text format, for this machine alone.

Gunicorn listens on the port, as on the other: a new worker need not wait until the old one has left
it. Under deploy/'s unit, which has no network, it listens on a socket file instead, and nginx on
the port. Written by hand: it is twenty lines, and the server has one dependency less.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, request

from app.config import Settings
from app.web.errors import NotFound
from app.web.service import service

SOCKET_FILE = "metrics"

metrics_page = Blueprint("metrics", __name__)


def init_app(app: Flask, settings: Settings) -> None:
    if settings.metrics_port:
        app.register_blueprint(metrics_page)


@metrics_page.get("/metrics")
def metrics() -> Response:
    """Raises NotFound where another port was asked."""
    # Asks the socket: behind nginx, SERVER_PORT may be what the client's Host header says.
    here = request.environ["gunicorn.socket"].getsockname()
    by_file = isinstance(here, str) and Path(here).name == SOCKET_FILE
    if not by_file and here != ("127.0.0.1", service().settings.metrics_port):
        raise NotFound
    return Response("".join(f"{line}\n" for line in _lines()), mimetype="text/plain")


def _lines() -> Iterator[str]:
    counters = service().counters
    yield from _metric("kantu_requests_total", "counter", counters.requests, "status")
    yield from _metric("kantu_captions_total", "counter", counters.captions, "language")
    yield from _metric("kantu_stage_seconds_total", "counter", counters.seconds, "stage")
    yield from _metric("kantu_queue_length", "gauge", {"": service().queue.length})
    yield from _metric("process_resident_memory_bytes", "gauge", {"": _resident_bytes()})


def _metric(name: str, kind: str, values: Mapping[Any, float], label: str = "") -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    # A copy: other threads count on.
    for value, number in dict(values).items():
        yield f'{name}{{{label}="{value}"}} {number}' if label else f"{name} {number}"


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
