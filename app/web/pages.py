"""The page: a form, and its answer made on the server for browsers without JavaScript."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from PIL import Image

from app.captioning.baby_talk import Said
from app.errors import PublicError
from app.photos.errors import PhotoError, PhotoTooLarge, megabytes
from app.web import language, responses
from app.web.captions import Captions, Detected, Options, describe, read_options
from app.web.errors import NoPhotoChosen, sentence
from app.web.marks import Mark, marks, talk
from app.web.service import service
from app.web.texts import caption_choices
from app.web.uploads import Upload, captioning, receive

pages = Blueprint("pages", __name__)
pages.after_request(language.remember)

SHOWN_SIZE = (800, 800)


@dataclass(frozen=True)
class Result:
    """What became of one photo, for its card on the page."""

    name: str
    photo: str = ""
    """A data: address."""
    captions: Captions = field(default_factory=dict)
    error: PhotoError | None = None
    detected: Detected | None = None

    @property
    def marks(self) -> dict[int, Mark]:
        return marks(self.captions, self.detected)

    def talk(self, language: str) -> Said | None:
        return talk(language, self.captions, self.detected)


@pages.get("/")
def index() -> ResponseReturnValue:
    return _page({})


@pages.post("/")
@captioning
def caption() -> Response:
    form: Mapping[str, str] = {}
    try:
        with receive(service().settings.max_photos) as photos:
            form = request.form
            options = read_options(form)
            if not photos:
                raise NoPhotoChosen
            results = [_result(photo, options) for photo in photos]
    except PublicError as error:
        return responses.with_status(_page(form, error=sentence(error)), error)
    return _answer(form, results)


def _result(photo: Upload, options: Options) -> Result:
    try:
        found = describe(photo.data, options)
    except PhotoError as error:
        return Result(photo.name, error=error)
    return Result(photo.name, _data_uri(found.photo), found.captions, detected=found.detected)


def _answer(form: Mapping[str, str], results: Sequence[Result]) -> Response:
    """As the API: 200 where at least one photo could be read, else the first one's error."""
    failures = [result.error for result in results if result.error]
    if len(failures) < len(results):
        return make_response(_page(form, results=results))
    # A photo that came alone needs no card to say which one is meant.
    shown = results if len(results) > 1 else ()
    page = _page(form, error=sentence(failures[0]), results=shown)
    return responses.with_status(page, failures[0])


def _page(form: Mapping[str, str], error: str = "", results: Sequence[Result] = ()) -> str:
    settings = service().settings
    return render_template(
        "index.html",
        service=service(),
        points=any(model.objects for model in service().models.values()),
        confident=any(model.confident for model in service().models.values()),
        form=form,
        kinds=settings.formats.own,
        error=error,
        results=results,
        caption_choices=caption_choices(service().languages),
        megabytes=megabytes(settings.max_bytes),
        too_large=sentence(PhotoTooLarge(settings.max_bytes)),
    )


def _data_uri(photo: np.ndarray) -> str:
    """A small copy to show beside the result: the photo itself is kept nowhere."""
    image = Image.fromarray(photo)
    image.thumbnail(SHOWN_SIZE)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()
