"""Keeps the page to itself: its own scripts and styles, nothing inline, no frames, and no form that
another site makes a reader's browser send."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request

from app.web import cors
from app.web.errors import CrossSite

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    # blob: is the preview of a chosen photo, data: the photo beside a result made on the server.
    "img-src": "'self' data: blob:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def init_app(app: Flask) -> None:
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)


def _refuse_other_sites() -> None:
    """Raises CrossSite where a page of another site made the browser send this, and KANTU_CORS does
    not name that site.

    Browsers say whose page it was, and no page can change what they say: no secret need be hidden
    in the form. Programs such as curl say nothing and are let in, for they hold no one's cookies.
    """
    if not is_harmless() and not cors.allows():
        raise CrossSite


def is_harmless() -> bool:
    """Whether this only asks, or no page of another site had a part in it."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return True
    relation = request.headers.get("Sec-Fetch-Site")
    if relation:
        return relation in ("same-origin", "none")
    # Browsers send the first only to https and localhost, this to all.
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    if request.endpoint != "static":
        # A result may hold the photo: no cache, the browser's included, keeps it.
        response.headers["Cache-Control"] = "no-store"
    return response
