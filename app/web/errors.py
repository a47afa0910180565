"""Every error of the web: a stable code, a status, and a sentence that says what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g
from flask_babel import gettext

from app.errors import N_, PublicError


class WebError(PublicError):
    status: int
    headers: Mapping[str, str] = {}
    """What the answer needs besides."""


class NoPhotoChosen(WebError):
    code, status = "no_photo", 400
    message = N_("Choose a photo first.")


class NoPhotoSent(WebError):
    code, status = "no_photo", 400
    message = N_("No photo arrived. Send a file in the form field “%(field)s”.")


class PhotoAsText(NoPhotoSent):
    message = N_(
        "The form field “%(field)s” came without a file name, as text is sent. Send the photo as "
        "a file."
    )


class TooManyPhotos(WebError):
    code, status = "too_many_photos", 413
    message = N_("Too many photos: %(most)s at most in one request. Send the rest in another.")


class PhotosTooLarge(WebError):
    code, status = "photo_too_large", 413
    message = N_(
        "Too large: a photo may have up to %(each)g MB, and all photos of one request "
        "%(together)g MB. Make them smaller, or send fewer at a time."
    )


class NoPhotoInJson(WebError):
    code, status = "no_photo", 400
    message = N_("Kantu describes photos, and none came. Send one with the request, in base64.")


class RemotePhoto(WebError):
    code, status = "remote_photo", 400
    message = N_(
        "Kantu fetches nothing from other addresses. Send the photo itself, in base64 or as a "
        "data: address."
    )


class BadFormat(WebError):
    code, status = "bad_format", 400
    message = N_(
        "A caption does not fit into the format that is asked for. Ask for text, for JSON, or for "
        "a schema whose required fields are one text."
    )


class NoLabels(WebError):
    code, status = "no_labels", 404
    message = N_(
        "This model has no labels. Name one that has, such as kantu-2, in KANTU_MODELS and in the "
        "request."
    )


class UnknownLanguage(WebError):
    code, status = "unknown_language", 400
    message = N_("There are no captions in “%(language)s”. Choose one of: %(allowed)s.")


class UnknownModel(WebError):
    code, status = "unknown_model", 404
    message = N_("There is no model “%(model)s”. Choose one of: %(allowed)s.")


class BadParameter(WebError):
    code, status = "bad_parameter", 400
    message = N_("%(name)s is “%(value)s”, but must be a whole number from %(least)s to %(most)s.")


class Busy(WebError):
    code, status = "busy", 503
    message = N_("Many photos are waiting right now. Try again in %(seconds)s seconds.")

    def __init__(self, seconds: int):
        super().__init__(seconds=seconds)
        self.headers = {"Retry-After": str(seconds)}


class RateLimited(WebError):
    code, status = "rate_limited", 429
    message = N_("Too many requests came from your address. Try again in %(seconds)s seconds.")

    def __init__(self, seconds: int):
        super().__init__(seconds=seconds)
        self.headers = {"Retry-After": str(seconds)}


class Unauthorized(WebError):
    code, status = "unauthorized", 401
    message = N_("This server is private. Sign in with its access token.")
    headers = {"WWW-Authenticate": "Bearer"}


class WrongToken(Unauthorized):
    message = N_("This is not the access token. Ask whoever runs this server for it.")


class CrossSite(WebError):
    code, status = "cross_site", 403
    message = N_("Another site sent this request. Open this server's own page and send it there.")


class BadRequest(WebError):
    code, status = "bad_request", 400
    message = N_("The server could not understand this request.")


class BadForm(BadRequest):
    message = N_(
        "The form cannot be read: it is not what its Content-Type says, or a part of it is missing."
    )


class NotJson(BadRequest):
    message = N_("The body of the request is not a JSON object.")


class BadField(BadRequest):
    message = N_("The field “%(field)s” does not hold what belongs there.")


class NotUtf8(BadRequest):
    message = N_(
        "A name in the form is not in UTF-8. Give the file a name in Latin letters, or send it "
        "with a program that writes UTF-8."
    )


class CompressedBody(WebError):
    code, status = "compressed_body", 415
    message = N_(
        "The request is compressed (%(encoding)s). Send it as it is: photos are small already."
    )


class NotFound(WebError):
    code, status = "not_found", 404
    message = N_("There is nothing at this address.")


class NotAllowed(WebError):
    code, status = "method_not_allowed", 405
    message = N_("This address does not take such requests.")


class RequestTooLarge(WebError):
    code, status = "request_too_large", 413
    message = N_("The request is too large. Send fewer or smaller photos.")


class FieldTooLarge(RequestTooLarge):
    message = N_(
        "The form has too many fields, or one is too large that is not a file. Send photos as "
        "files, with a file name."
    )


class InternalError(WebError):
    code, status = "internal_error", 500
    message = N_(
        "Something went wrong on the server. Please try again in a minute. If it happens again, "
        "tell whoever runs the server about error %(id)s."
    )

    def __init__(self) -> None:
        super().__init__(id=g.request_id)


PHOTO_STATUSES = {
    "empty_photo": 400,
    "photo_too_large": 413,
    "too_many_pixels": 413,
    "not_jpeg": 415,
    "corrupt_photo": 422,
}
"""Of the codes of app/photos/errors.py."""

STATUSES = {
    **PHOTO_STATUSES,
    "bad_mention": 400,
    **{error.code: error.status for error in WebError.__subclasses__()},
}
"""Every code that an error may have, and its status."""


def status(error: PublicError) -> int:
    return STATUSES[error.code]


def sentence(error: PublicError) -> str:
    """What to do, in the language of the request."""
    return gettext(error.message, **error.values)
