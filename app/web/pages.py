"""The page: a form, and its answer made on the server for browsers without JavaScript."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from PIL import Image

from app.photos import PhotoError, megabytes, too_large
from app.web import errors, language
from app.web.captions import Captions, describe, read_options
from app.web.service import service
from app.web.texts import caption_choices
from app.web.uploads import receive

pages = Blueprint("pages", __name__)
pages.after_request(language.remember)

SHOWN_SIZE = (800, 800)


@pages.get("/")
def index() -> ResponseReturnValue:
    return _page({})


@pages.post("/")
def caption() -> Response:
    form: Mapping[str, str] = {}
    try:
        with receive(most_photos=1) as photos:
            form = request.form
            options = read_options(form)
            if not photos:
                raise errors.NoPhotoChosen
            photo, captions = describe(photos[0].data, options)
    except (errors.WebError, PhotoError) as error:
        return errors.with_status(_page(form, error=str(error)), error)
    return make_response(_page(form, photo=_data_uri(photo), captions=captions))


def _page(
    form: Mapping[str, str],
    error: str = "",
    photo: str = "",
    captions: Captions | None = None,
) -> str:
    settings = service().settings
    return render_template(
        "index.html",
        service=service(),
        form=form,
        error=error,
        photo=photo,
        captions=captions or {},
        caption_choices=caption_choices(service().languages),
        megabytes=megabytes(settings.max_bytes),
        no_photo=errors.NoPhotoChosen(),
        too_large=too_large(settings.max_bytes),
    )


def _data_uri(photo: np.ndarray) -> str:
    """A small copy to show beside the result: the photo itself is kept nowhere."""
    image = Image.fromarray(photo)
    image.thumbnail(SHOWN_SIZE)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()
