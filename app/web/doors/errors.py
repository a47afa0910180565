"""Errors as other programs' clients read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g

from app.errors import PublicError
from app.web.doors import Json
from app.web.errors import sentence, status


def _of_max(error: PublicError, kantu: Json) -> Json:
    return {"status": "error", "message": sentence(error), **kantu}


def _of_ollama(error: PublicError, _: Json) -> Json:
    return {"error": sentence(error)}


def _of_openai(error: PublicError, kantu: Json) -> Json:
    kind = "invalid_request_error" if status(error) < 500 else "server_error"
    return {"error": {**kantu["error"], "type": kind, "param": None}}


def _of_photoprism(error: PublicError, _: Json) -> Json:
    told = {"code": status(error), "error": sentence(error), "result": {}}
    return {"id": g.get("vision_id", ""), **told}


FORMS: dict[str, Callable[[PublicError, Any], Json]] = {
    "/model/": _of_max,
    "/v1/": _of_openai,
    "/api/v1/vision/": _of_photoprism,
    **dict.fromkeys(
        ("/api/version", "/api/tags", "/api/show", "/api/generate", "/api/chat"), _of_ollama
    ),
}
"""By what addresses begin with."""
