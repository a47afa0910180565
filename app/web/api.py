"""The JSON API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.captioning.captioner import Caption
from app.config import LARGEST_BEAM
from app.photos import PhotoError
from app.web import errors
from app.web.captions import Captions, Options, describe, read_options
from app.web.service import service
from app.web.uploads import Upload, receive

if TYPE_CHECKING:
    from app.web import shapes

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.post("/captions")
def captions() -> ResponseReturnValue:
    with receive(service().settings.max_photos) as photos:
        options = read_options(request.form)
        if not photos:
            raise errors.NoPhotoSent(field="photo")
        outcomes = [_outcome(photo, options) for photo in photos]
    failures = [outcome for outcome in outcomes if isinstance(outcome, PhotoError)]
    if len(failures) == len(outcomes):
        return errors.respond(failures[0])
    answer: shapes.Captions = {
        "model": options.model.name,
        "photos": [
            _as_json(photo.name, outcome) for photo, outcome in zip(photos, outcomes, strict=True)
        ],
    }
    return jsonify(answer)


@api.get("/models")
def models() -> Response:
    width = service().settings.beam_width
    answer: shapes.Models = {
        "models": [
            {
                "name": model.name,
                "languages": list(model.languages),
                "default": model is service().default_model,
            }
            for model in service().models.values()
        ],
        "beam_width": {"least": 1, "most": LARGEST_BEAM, "default": width},
    }
    return jsonify(answer)


def _outcome(photo: Upload, options: Options) -> Captions | PhotoError:
    try:
        return describe(photo.data, options)[1]
    except PhotoError as error:
        return error


def _as_json(
    name: str, outcome: Captions | PhotoError
) -> shapes.CaptionedPhoto | shapes.FailedPhoto:
    if isinstance(outcome, PhotoError):
        return {"name": name, "error": errors.as_json(outcome)}
    return {
        "name": name,
        "captions": [
            {
                "language": language,
                **_caption(best),
                "alternatives": [_caption(other) for other in others],
            }
            for language, (best, *others) in outcome.items()
        ],
    }


def _caption(caption: Caption) -> shapes.Caption:
    return {
        "text": caption.text,
        "log_probability": caption.log_probability,
        "probability": caption.probability,
    }
