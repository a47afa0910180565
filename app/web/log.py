"""An id for each request, and a line on the standard error.

The line has no address, no query, no name of a file, nothing of a photo:

    [2026-11-23 13:18:10 +0000] [INFO] [9f86d081884c7d65] POST /api/v1/captions 200 35 ms
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from urllib.parse import quote

from flask import Flask, Response, current_app, g, has_request_context, request
from flask.logging import default_handler

from app.config import Settings
from app.web.service import service

FORMAT = "[%(asctime)s] [%(levelname)s] [%(id)s] %(message)s"
TIME = "%Y-%m-%d %H:%M:%S %z"
HEADER = "X-Request-Id"
ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
MOST_PATH = 80
"""Characters of a path that are written down: the addresses of Kantu are shorter."""


def init_app(app: Flask, settings: Settings) -> None:
    default_handler.setFormatter(logging.Formatter(FORMAT, TIME))
    default_handler.addFilter(_add_id)
    app.logger.setLevel(logging.INFO if settings.log else logging.ERROR)
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get(HEADER, "")
    trusted = service().settings.proxies and ID.fullmatch(given)
    g.request_id = given if trusted else secrets.token_hex(8)


def _end(response: Response) -> Response:
    took = time.perf_counter() - g.began
    response.headers[HEADER] = g.request_id
    # Quoted: a path may hold line breaks, which would make lines of their own.
    path = quote(request.path[:MOST_PATH])
    line = f"{request.method} {path} {response.status_code} {1000 * took:.0f} ms"
    current_app.logger.info(line)
    service().counters.count_request(response.status_code)
    return response


def _add_id(record: logging.LogRecord) -> bool:
    record.id = g.get("request_id", "-") if has_request_context() else "-"
    return True
