"""Every error of the web: a stable code, a status, and a sentence that says what to do next."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.photos import PhotoError

RETRY_AFTER_SECONDS = 5


class WebError(Exception):
    code: str
    status: int
    message: LazyString

    def __init__(self, **values: Any):
        super().__init__(self.code)
        self.values = values

    def __str__(self) -> str:
        """In the language of the request."""
        return str(self.message) % self.values


class NoPhotoChosen(WebError):
    code, status = "no_photo", 400
    message = _l("Choose a JPEG photo first.")


class NoPhotoSent(WebError):
    code, status = "no_photo", 400
    message = _l("No photo arrived. Send at least one JPEG file in the form field “photo”.")


class TooManyPhotos(WebError):
    code, status = "too_many_photos", 413
    message = _l("Too many photos: %(most)s at most in one request. Send the rest in another.")


class PhotoTooLarge(WebError):
    """As read_photo() says it of a photo that was read; this one is known by its length alone."""

    code, status = "photo_too_large", 413
    message = _l(
        "This photo is larger than %(limit)g MB. Make it smaller, or save it at a lower "
        "quality, and send it again."
    )


class PhotosTooLarge(WebError):
    code, status = "photo_too_large", 413
    message = _l(
        "Too large: a photo may have up to %(each)g MB, and all photos of one request "
        "%(together)g MB. Make them smaller, or send fewer at a time."
    )


class UnknownLanguage(WebError):
    code, status = "unknown_language", 400
    message = _l("There are no captions in “%(language)s”. Choose one of: %(allowed)s.")


class UnknownModel(WebError):
    code, status = "unknown_model", 404
    message = _l("There is no model “%(model)s”. Choose one of: %(allowed)s.")


class BadParameter(WebError):
    code, status = "bad_parameter", 400
    message = _l("%(name)s is “%(value)s”, but must be a whole number from %(least)s to %(most)s.")


class Busy(WebError):
    code, status = "busy", 503
    message = _l("Many photos are waiting right now. Try again in a few seconds.")


class BadRequest(WebError):
    code, status = "bad_request", 400
    message = _l("The server could not understand this request.")


class NotFound(WebError):
    code, status = "not_found", 404
    message = _l("There is nothing at this address.")


class NotAllowed(WebError):
    code, status = "method_not_allowed", 405
    message = _l("This address does not take such requests.")


class RequestTooLarge(WebError):
    code, status = "request_too_large", 413
    message = _l("The request is too large. Send fewer or smaller photos.")


class InternalError(WebError):
    code, status = "internal_error", 500
    message = _l("Something went wrong on the server. Please try again in a minute.")


BY_STATUS = {one.status: one for one in (NotFound, NotAllowed, RequestTooLarge, InternalError)}


def init_app(app: Flask) -> None:
    app.register_error_handler(WebError, respond)
    app.register_error_handler(PhotoError, respond)
    app.register_error_handler(HTTPException, _respond_to_http)


def as_json(error: WebError | PhotoError) -> dict[str, str]:
    return {"code": error.code, "message": str(error)}


def respond(error: WebError | PhotoError) -> Response:
    if _wants_json():
        return with_status(jsonify(error=as_json(error)), error)
    return with_status(render_template("error.html", message=str(error)), error)


def with_status(body: ResponseReturnValue, error: WebError | PhotoError) -> Response:
    response = make_response(body)
    response.status_code = error.status
    if error.status == Busy.status:
        response.retry_after = RETRY_AFTER_SECONDS
    return response


def _respond_to_http(error: HTTPException) -> Response:
    response = respond(BY_STATUS.get(error.code or 500, BadRequest)())
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.allow.update(error.valid_methods)
    return response


def _wants_json() -> bool:
    accepted = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return request.path.startswith("/api/") or accepted == "application/json"
