"""The doors of other programs that speak JSON, as openapi.py describes them.

Only what Kantu reads of a request is described; the rest is in those programs' own documents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask_babel import gettext as _

from app.config import LARGEST_BEAM
from app.web import schemas
from app.web.doors.ollama import LINES
from app.web.doors.openai import EVENTS
from app.web.json_schema import Json

Operation = Callable[..., Json]
"""As openapi.py makes one, of a name, a summary, the answer, codes of errors, and their form."""

ASKING = ("bad_request", "compressed_body", "cross_site", "rate_limited", "request_too_large")
NAMING = ("unknown_model", "unknown_language")
LOOKING = ("remote_photo", "bad_format", "bad_parameter")

TEXT: Json = {"type": ["string", "null"]}
OBJECT: Json = {"type": "object"}


class Door(NamedTuple):
    name: str
    summary: str
    error: Any
    body: Json
    """The fields that are read."""
    stream: str = ""
    """The media type of an answer that comes piece by piece."""


def paths(operation: Operation, captioning: tuple[str, ...]) -> Json:
    """By address.

    Args:
        captioning: the codes of errors that every address has that captions photos.
    """
    ollama, openai, prism = schemas.OllamaError, schemas.OpenAiError, schemas.PhotoPrismError
    model = operation("openaiModel", _("One of the models, for a client of OpenAI"), None, NAMING)
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    listed = {
        "/api/version": operation(
            "ollamaVersion", _("The version, for a client of Ollama"), error=ollama
        ),
        "/api/tags": operation("ollamaTags", _("The models, for a client of Ollama"), error=ollama),
        "/v1/models": operation("openaiModels", _("The models, for a client of OpenAI")),
        "/v1/models/{name}": model | {"parameters": [*model["parameters"], name]},
    }
    shown = operation(
        "ollamaShow",
        _("About a model, for a client of Ollama"),
        None,
        (*ASKING, *NAMING),
        ollama,
    )
    codes = (*captioning, *NAMING, *LOOKING)
    return {
        **{path: {"get": one} for path, one in listed.items()},
        "/api/show": {"post": shown | _body({"model": TEXT, "name": TEXT})},
        **{
            path: {"post": _asking(operation, door, codes)}
            for path, door in {
                "/api/generate": Door(
                    "ollamaGenerate",
                    _("Caption photos for a client of Ollama"),
                    ollama,
                    {"model": TEXT, "prompt": TEXT, "system": TEXT, "images": _photos()},
                    LINES,
                ),
                "/api/chat": Door(
                    "ollamaChat",
                    _("Caption photos in a chat of a client of Ollama"),
                    ollama,
                    {"model": TEXT, "messages": _messages({"content": TEXT, "images": _photos()})},
                    LINES,
                ),
                "/v1/chat/completions": Door(
                    "openaiChat",
                    _("Caption photos in a chat of a client of OpenAI"),
                    openai,
                    {"model": TEXT, "messages": _messages({"content": _parts()}), "n": _many()},
                    EVENTS,
                ),
                "/v1/responses": Door(
                    "openaiResponse",
                    _("Caption photos for a client of OpenAI"),
                    openai,
                    {"model": TEXT, "input": _input(), "instructions": TEXT},
                    EVENTS,
                ),
                "/api/v1/vision/caption": Door(
                    "photoprismCaption",
                    _("Caption a photo for PhotoPrism"),
                    prism,
                    _vision(),
                ),
                "/api/v1/vision/labels": Door(
                    "photoprismLabels",
                    _("Name what is on a photo for PhotoPrism"),
                    prism,
                    _vision(),
                ),
            }.items()
        },
    }


def _asking(operation: Operation, door: Door, codes: tuple[str, ...]) -> Json:
    labels = ("no_labels",) if door.name == "photoprismLabels" else ()
    described = operation(door.name, door.summary, None, (*codes, *labels), door.error)
    if door.stream:
        content = described["responses"]["200"]["content"]
        content[door.stream] = {"schema": {"type": "string"}}
    about = _(
        "A prompt tells the language, where the name of the model does not, and no more: the "
        "answer is always a description."
    )
    return described | {"description": about} | _body(door.body)


def _body(fields: Json) -> Json:
    schema = {"type": "object", "properties": fields}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _photos() -> Json:
    return {"type": ["array", "null"], "items": _photo()}


def _photo() -> Json:
    return {"type": "string", "description": _("The photo in base64, or as a data: address.")}


def _messages(fields: Json) -> Json:
    return {"type": ["array", "null"], "items": {"type": "object", "properties": fields}}


def _parts() -> Json:
    part = {"text": TEXT, "image_url": {"type": ["string", "object"]}}
    return {"type": ["string", "array", "null"], "items": {"type": "object", "properties": part}}


def _input() -> Json:
    message = {"type": "object", "properties": {"content": _parts()}}
    return {"type": ["string", "array", "null"], "items": message}


def _many() -> Json:
    return {"type": ["integer", "null"], "minimum": 1, "maximum": LARGEST_BEAM}


def _vision() -> Json:
    return {
        "id": TEXT,
        "model": TEXT,
        "prompt": TEXT,
        "system": TEXT,
        "url": TEXT,
        "images": _photos(),
    }
