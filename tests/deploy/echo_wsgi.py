"""Says what a request looks like once it came through nginx; /back sends the body back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/back":
        return [body]
    return [f"{name}: {environ[name]}\n".encode() for name in sorted(environ) if name.isupper()]
