"""PhotoPrism's Vision API, as its client asks and reads: photoprism/photoprism, internal/ai/vision.

It sends one photo as a data: address, and the name of a model that it was told.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, jsonify

from app.web.captions import Options
from app.web.doors import Json
from app.web.doors.asking import asked, described, list_of, options, text_of
from app.web.errors import NoLabels
from app.web.uploads import captioning

SOURCE = "kantu"
"""Where PhotoPrism says that a caption is from."""

photoprism = Blueprint("photoprism", __name__, url_prefix="/api/v1/vision")


@photoprism.post("/caption")
@captioning
def caption() -> Response:
    with asked() as value:
        wanted = _options(value)
        photo = described(_images(value), wanted)[0]
    (language,) = wanted.languages
    best = photo.captions[language][0]
    result = {"caption": {"text": best.text, "source": SOURCE}}
    return _answer(value, wanted, "caption", result)


@photoprism.post("/labels")
@captioning
def labels() -> Response:
    """Raises NoLabels where the model has none."""
    with asked() as value:
        wanted = _options(value)
        if not wanted.model.labelled:
            raise NoLabels
        photo = described(_images(value), wanted)[0]
    (language,) = wanted.languages
    found = [
        {"name": name, "source": SOURCE, "confidence": score, "topicality": score}
        for name, score in wanted.model.labels(photo.encoding, language).items()
    ]
    return _answer(value, wanted, "labels", {"labels": found})


def _options(value: Json) -> Options:
    g.vision_id = text_of(value, "id")  # which errors say too
    prompts = [text_of(value, "prompt"), text_of(value, "system")]
    return options(text_of(value, "model"), prompts)


def _images(value: Json) -> list[Any]:
    address = text_of(value, "url")
    return ([address] if address else list_of(value, "images"))[:1]


def _answer(value: Json, wanted: Options, kind: str, result: Json) -> Response:
    about = {"type": kind, "name": wanted.model.name}
    return jsonify({"id": text_of(value, "id"), "code": 200, "model": about, "result": result})
