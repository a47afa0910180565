"""The address and answers of IBM's MAX Image Caption Generator, so that its clients can switch.

They send one photo as `image` to /model/predict, and read captions as im2txt writes them: words in
lower case with spaces between, the full stop among them. Limits, queue, token and rate limit are
those of the API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request

from app.captioning.captioner import Caption, Captioner
from app.web.captions import Options, describe, languages_of
from app.web.errors import NoPhotoSent, UnknownLanguage
from app.web.service import service
from app.web.uploads import captioning, receive

if TYPE_CHECKING:
    from app.web import schemas

FIELD = "image"

max_api = Blueprint("max_api", __name__, url_prefix="/model")


@max_api.post("/predict")
@captioning
def predict() -> Response:
    with receive(most_photos=1, field=FIELD) as photos:
        options = _options()
        if not photos:
            raise NoPhotoSent(field=FIELD)
        captions = describe(photos[0].data, options).captions
    (language,) = options.languages
    answer: schemas.Predictions = {
        "status": "ok",
        "predictions": [
            _prediction(index, caption, language)
            for index, caption in enumerate(captions[language])
        ],
    }
    return jsonify(answer)


@max_api.get("/metadata")
def metadata() -> Response:
    model = service().default_model
    answer: schemas.Metadata = {
        "id": model.name,
        "name": f"Kantu {model.name}",
        "description": f"Captions photos. Languages: {', '.join(languages_of(model))}.",
        "type": "Image-to-Text Translation",
        "source": request.url_root,
    }
    return jsonify(answer)


def _options() -> Options:
    """Raises UnknownLanguage. English where the model speaks it, unless `?language=` says else."""
    model, settings = service().default_model, service().settings
    width = settings.beam_width
    return Options(model, (_language(model),), width, width - 1, settings.formats.doors)


def _language(model: Captioner) -> str:
    spoken = languages_of(model)
    language = request.args.get("language", spoken[0])
    if language not in spoken:
        raise UnknownLanguage(language=language, allowed=", ".join(spoken))
    return language


def _prediction(index: int, caption: Caption, language: str) -> schemas.Prediction:
    # MAX numbers them in words, so to speak: its index is a string.
    text = caption.text if language == "zh" else _as_im2txt(caption.words)
    return {"index": str(index), "caption": text, "probability": caption.probability}


def _as_im2txt(words: tuple[str, ...]) -> str:
    # Imported vocabularies have the full stop among their words.
    return " ".join(words if words[-1:] == (".",) else (*words, "."))
