"""Errors as RFC 9457 has them, for programs that ask for application/problem+json."""

from __future__ import annotations

from typing import Any

from flask import g, request, url_for
from flask_babel import lazy_gettext as _l

from app.errors import PublicError
from app.web.errors import sentence, status

MIMETYPE = "application/problem+json"

TITLES = {
    "no_photo": _l("No photo was sent"),
    "remote_photo": _l("The photo is an address, which is not fetched"),
    "bad_format": _l("A caption does not fit into the format that is asked for"),
    "no_labels": _l("The model has no labels"),
    "empty_photo": _l("The file is empty"),
    "bad_parameter": _l("A field is not a number in range"),
    "bad_mention": _l("The model cannot be made to mention this"),
    "unknown_language": _l("The model does not speak this language"),
    "bad_request": _l("The request is malformed"),
    "compressed_body": _l("The request is compressed"),
    "unauthorized": _l("The server is private: a token is needed"),
    "cross_site": _l("A page of another site sent the request"),
    "unknown_model": _l("No such model is loaded"),
    "not_found": _l("There is nothing at this address"),
    "method_not_allowed": _l("The method does not fit the address"),
    "photo_too_large": _l("A photo, or all photos together, have too many bytes"),
    "too_many_pixels": _l("The photo has too many pixels"),
    "too_many_photos": _l("Too many photos in one request"),
    "request_too_large": _l("The rest of the form is too large"),
    "not_jpeg": _l("The file is not a photo of a kind that is taken"),
    "corrupt_photo": _l("The photo is damaged or incomplete"),
    "rate_limited": _l("Too many requests came from your address"),
    "internal_error": _l("A fault of the server"),
    "busy": _l("The queue is full"),
}
"""What each code means, the same whatever the request was."""


def wanted() -> bool:
    """Whether the client names the form, and likes it as well as plain JSON."""
    accepted = request.accept_mimetypes
    # Not `in`: */* would be enough for that, and says nothing.
    named = dict(accepted).get(MIMETYPE, 0)
    return 0 < named >= accepted["application/json"]


def as_problem(error: PublicError) -> dict[str, Any]:
    return {
        "type": url_for("api_page.page", _anchor=error.code),
        "title": str(TITLES[error.code]),
        "status": status(error),
        "detail": sentence(error),
        "code": error.code,
        "request_id": g.request_id,
    }
