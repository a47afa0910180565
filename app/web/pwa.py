"""What makes the page an app that phones install: its manifest and its service worker.

A photo that is shared with the app is sent to the page's own form, as `POST /?share`. The service
worker hands it to the page; where there is none, the form answers as it always does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, jsonify, render_template, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from app.config import ROOT
from app.web.language import HTML_LANG

pwa = Blueprint("pwa", __name__)

PAPER = "#faf9f6"
"""As in static/page.css."""

STATIC = ROOT / "static"
KEPT = (".css", ".js", ".svg")
"""Of the static files, those that the page needs without the server."""


@pwa.get("/manifest.webmanifest")
def manifest() -> Response:
    answer = jsonify(
        id=url_for("pages.index"),
        name=_("Kantu: captions for photos"),
        short_name=_("Kantu"),
        description=_("Kantu looks at a photo and says what is in it, in English and Chinese."),
        lang=HTML_LANG[str(get_locale())],
        start_url=url_for("pages.index"),
        scope=url_for("pages.index"),
        display="standalone",
        background_color=PAPER,
        theme_color=PAPER,
        icons=[
            _icon("icon-192.png", "192x192", "any"),
            _icon("icon-512.png", "512x512", "any"),
            _icon("icon-maskable.png", "512x512", "maskable"),
        ],
        share_target={
            "action": url_for("pages.caption", share=""),
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"files": [{"name": "photo", "accept": ["image/*"]}]},
        },
    )
    answer.mimetype = "application/manifest+json"
    return answer


@pwa.get("/sw.js")
def service_worker() -> Response:
    script = render_template("sw.js", version=_version(), files=_kept_files())
    return Response(script, mimetype="text/javascript")


def digest(files: Iterable[Path]) -> str:
    """Another one whenever a file changes."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()[:16]


@cache
def _version() -> str:
    """Of the page and of all that it loads."""
    folders = (STATIC, ROOT / "templates", ROOT / "app" / "translations")
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())
    return digest(files)


def _kept_files() -> list[str]:
    files = sorted(file for file in STATIC.rglob("*") if file.suffix in KEPT)
    return [url_for("static", filename=file.relative_to(STATIC).as_posix()) for file in files]


def _icon(name: str, sizes: str, purpose: str) -> dict[str, str]:
    source = url_for("static", filename=f"icons/{name}")
    return {"src": source, "sizes": sizes, "type": "image/png", "purpose": purpose}
