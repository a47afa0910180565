"""Errors as the client reads them: a page, JSON, or a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.errors import PublicError
from app.web import problems
from app.web.doors.errors import FORMS
from app.web.errors import (
    BadRequest,
    InternalError,
    NotAllowed,
    NotFound,
    RequestTooLarge,
    WebError,
    sentence,
    status,
)

if TYPE_CHECKING:
    from app.web import schemas

FOR_PROGRAMS = ("/api/", "/model/", "/v1/")
"""Addresses below which every error is JSON, whatever the client accepts."""

BY_STATUS = {one.status: one for one in (NotFound, NotAllowed, RequestTooLarge, InternalError)}


def init_app(app: Flask) -> None:
    app.register_error_handler(PublicError, respond)
    app.register_error_handler(HTTPException, _respond_to_http)


def as_json(error: PublicError) -> schemas.ErrorDetail:
    return {"code": error.code, "message": sentence(error)}


def respond(error: PublicError) -> Response:
    """The error as the client reads it: a problem, JSON or a page."""
    if problems.wanted():
        response = with_status(jsonify(problems.as_problem(error)), error)
        response.mimetype = problems.MIMETYPE
        return response
    if wants_json():
        return with_status(jsonify(_body(error)), error)
    return with_status(render_template("error.html", message=sentence(error)), error)


def _body(error: PublicError) -> Any:
    """Kantu's own form, or that of the program whose address it is."""
    kantu: schemas.Error = {"error": as_json(error)}
    form = next((form for start, form in FORMS.items() if request.path.startswith(start)), None)
    return form(error, kantu) if form else kantu


def with_status(body: ResponseReturnValue, error: PublicError) -> Response:
    response = make_response(body)
    response.status_code = status(error)
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
