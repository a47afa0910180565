"""Lets pages of other sites use the API, where KANTU_CORS names them.

A browser asks first, with OPTIONS, whether a page may send what it wants to send, and shows it the
answer only where Kantu says so. The reader's cookies take no part in it: a page sends the token by
itself where one is needed.
"""

from __future__ import annotations

from flask import Flask, Response, request

from app.config import Settings
from app.web.responses import FOR_PROGRAMS
from app.web.service import service

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "7200",
}

EXPOSED = "Retry-After, X-Request-Id"
"""What a page may read of an answer's headers besides those that it always may."""


def init_app(app: Flask, settings: Settings) -> None:
    """Comes before the token is asked for: a browser asks first without it."""
    if settings.cors:
        app.before_request(_answer_preflight)
        app.after_request(_add_headers)


def allows() -> bool:
    """Whether the page that sent this is one of a site that may."""
    origin = request.headers.get("Origin")
    if not origin or not request.path.startswith(FOR_PROGRAMS):
        return False
    allowed = service().settings.cors
    return allowed == ("*",) or origin in allowed


def _answer_preflight() -> Response | None:
    asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    return Response(status=204, headers=PREFLIGHT) if asks and allows() else None


def _add_headers(response: Response) -> Response:
    if request.path.startswith(FOR_PROGRAMS):
        response.vary.add("Origin")
    if allows():
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response
