"""The JSON API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from app.captioning.captioner import Caption
from app.config import LARGEST_BEAM
from app.grounded import regions_json, slots_json
from app.photos.errors import PhotoError
from app.web import errors, responses
from app.web.captions import Described, Options, describe, read_options
from app.web.service import service
from app.web.uploads import Upload, captioning, receive

if TYPE_CHECKING:
    from app.captioning.baby_talk import Said
    from app.web import schemas

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.post("/captions")
@captioning
def captions() -> ResponseReturnValue:
    with receive(service().settings.max_photos) as photos:
        options = read_options(request.form)
        if not photos:
            raise errors.NoPhotoSent(field="photo")
        outcomes = [_outcome(photo, options) for photo in photos]
    failures = [outcome for outcome in outcomes if isinstance(outcome, PhotoError)]
    if len(failures) == len(outcomes):
        return responses.respond(failures[0])
    answer: schemas.Captions = {
        "model": options.model.name,
        "photos": [
            _as_json(photo.name, outcome) for photo, outcome in zip(photos, outcomes, strict=True)
        ],
    }
    return jsonify(answer)


@api.get("/models")
def models() -> Response:
    width = service().settings.beam_width
    answer: schemas.Models = {
        "models": [
            {
                "name": model.name,
                "languages": list(model.languages),
                "default": model is service().default_model,
                "objects": list(model.objects),
            }
            for model in service().models.values()
        ],
        "beam_width": {"least": 1, "most": LARGEST_BEAM, "default": width},
    }
    return jsonify(answer)


def _outcome(photo: Upload, options: Options) -> Described | PhotoError:
    try:
        return describe(photo.data, options)
    except PhotoError as error:
        return error


def _as_json(
    name: str, outcome: Described | PhotoError
) -> schemas.CaptionedPhoto | schemas.FailedPhoto:
    if isinstance(outcome, PhotoError):
        return {"name": name, "error": responses.as_json(outcome)}
    answer: schemas.CaptionedPhoto = {
        "name": name,
        "captions": [_in_a_language(language, outcome) for language in outcome.captions],
    }
    if outcome.detected:
        answer["regions"] = regions_json(outcome.detected.regions)
    return answer


def _in_a_language(language: str, described: Described) -> schemas.LanguageCaption:
    detected = described.detected
    best, *others = (_caption(one, bool(detected)) for one in described.captions[language])
    answer: schemas.LanguageCaption = {"language": language, **best, "alternatives": others}
    if detected:
        answer["baby_talk"] = _baby_talk(detected.baby_talk[language])
    return answer


def _caption(caption: Caption, points: bool) -> schemas.Caption:
    answer: schemas.Caption = {
        "text": caption.text,
        "log_probability": caption.log_probability,
        "probability": caption.probability,
    }
    if caption.confidence:
        answer["confidence"] = caption.confidence
    if caption.perhaps:
        answer["perhaps"] = list(caption.perhaps)
    if points:
        answer["template"] = caption.template
        answer["slots"] = slots_json(caption.text, caption.slots)
    return answer


def _baby_talk(said: Said | None) -> schemas.BabyTalk | None:
    return said and {"text": said.text, "slots": slots_json(said.text, said.slots)}
