"""Every error of the web: a stable code, a status, and a sentence that says what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.photos import PhotoError
from app.web import problems

if TYPE_CHECKING:
    from app.web import shapes

FOR_PROGRAMS = ("/api/", "/model/")
"""Addresses below which every error is JSON, whatever the client accepts."""


class WebError(Exception):
    code: str
    status: int
    message: LazyString
    headers: Mapping[str, str] = {}
    """What the answer needs besides."""

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
    message = _l("No photo arrived. Send a JPEG file in the form field “%(field)s”.")


class TooManyPhotos(WebError):
    code, status = "too_many_photos", 413
    message = _l("Too many photos: %(most)s at most in one request. Send the rest in another.")


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


class BadMention(WebError):
    code, status = "bad_mention", 400
    message = _l("The model knows no object called “%(names)s”. Choose among: %(allowed)s.")


class TooManyMentions(BadMention):
    message = _l("These are too many objects to mention. Name %(most)s at most.")


class CannotMention(BadMention):
    message = _l(
        "The model “%(model)s” cannot be told what to mention. Leave “mention” out, or choose a "
        "model that detects objects."
    )


class Busy(WebError):
    code, status = "busy", 503
    message = _l("Many photos are waiting right now. Try again in a few seconds.")
    headers = {"Retry-After": "5"}


class RateLimited(WebError):
    code, status = "rate_limited", 429
    message = _l("Too many requests came from your address. Try again in %(seconds)s seconds.")

    def __init__(self, seconds: int):
        super().__init__(seconds=seconds)
        self.headers = {"Retry-After": str(seconds)}


class Unauthorized(WebError):
    code, status = "unauthorized", 401
    message = _l("This server is private. Sign in with its access token.")
    headers = {"WWW-Authenticate": "Bearer"}


class WrongToken(Unauthorized):
    message = _l("This is not the access token. Ask whoever runs this server for it.")


class CrossSite(WebError):
    code, status = "cross_site", 403
    message = _l("Another site sent this request. Open this server's own page and send it there.")


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
    message = _l(
        "Something went wrong on the server. Please try again in a minute. If it happens again, "
        "tell whoever runs the server about error %(id)s."
    )

    def __init__(self) -> None:
        super().__init__(id=g.request_id)


BY_STATUS = {one.status: one for one in (NotFound, NotAllowed, RequestTooLarge, InternalError)}


def init_app(app: Flask) -> None:
    app.register_error_handler(WebError, respond)
    app.register_error_handler(PhotoError, respond)
    app.register_error_handler(HTTPException, _respond_to_http)


def as_json(error: WebError | PhotoError) -> shapes.ErrorDetail:
    return {"code": error.code, "message": str(error)}


def respond(error: WebError | PhotoError) -> Response:
    """The error as the client reads it: a problem, JSON or a page."""
    if problems.wanted():
        response = with_status(jsonify(problems.as_problem(error)), error)
        response.mimetype = problems.MIMETYPE
        return response
    if wants_json():
        return with_status(jsonify(_body(error)), error)
    return with_status(render_template("error.html", message=str(error)), error)


def _body(error: WebError | PhotoError) -> shapes.Error | shapes.MaxError:
    if request.path.startswith("/model/"):
        # Beside Kantu's own form, where the clients of MAX look.
        return {"status": "error", "message": str(error), "error": as_json(error)}
    return {"error": as_json(error)}


def with_status(body: ResponseReturnValue, error: WebError | PhotoError) -> Response:
    response = make_response(body)
    response.status_code = error.status
    if isinstance(error, WebError):
        response.headers.update(error.headers)
    return response


def _respond_to_http(error: HTTPException) -> Response:
    response = respond(BY_STATUS.get(error.code or 500, BadRequest)())
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.allow.update(error.valid_methods)
    return response


def wants_json() -> bool:
    """In whatever form, a problem or Kantu's own; else a page."""
    accepted = request.accept_mimetypes.best_match(["text/html", "application/json"])
    is_program = request.path.startswith(FOR_PROGRAMS) or accepted == "application/json"
    return is_program or problems.wanted()
