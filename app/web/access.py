"""Who may use the server, and how often.

Where there is a token, a program sends it as `Authorization: Bearer …`, and a browser keeps it in a
cookie after a person signed in.
"""

from __future__ import annotations

import math
from hmac import compare_digest
from ipaddress import ip_address

from flask import Blueprint, Flask, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed

from app.config import Settings
from app.web import errors, language, responses, security
from app.web.service import service

access = Blueprint("access", __name__)
access.after_request(language.remember)

COOKIE = "token"
A_MONTH = 30 * 24 * 60 * 60

OPEN = (
    "access.sign_in",
    "health.alive",
    "health.ready",
    "metrics.metrics",
    "pwa.manifest",
    "pwa.service_worker",
    "static",
)
"""What needs no token. The page's scripts and styles are no secret: they are on GitHub."""


def init_app(app: Flask, settings: Settings) -> None:
    if settings.token:
        app.register_blueprint(access)
        app.before_request(_ask_for_token)


def count() -> None:
    """Counts this request. Raises RateLimited where its address has sent too many."""
    limit = service().rate_limit
    if limit and not _is_spared():
        wait = limit.take(request.remote_addr or "")
        if wait:
            raise errors.RateLimited(math.ceil(wait))


@access.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    count()  # or else the token could be guessed
    token = request.form.get("token", "")
    if not _is_right(token):
        return _form(errors.WrongToken(), told=True)
    response = redirect(url_for("pages.index"), 303)
    response.set_cookie(
        COOKIE,
        token,
        max_age=A_MONTH,
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


def _ask_for_token() -> ResponseReturnValue | None:
    # A wrong method does nothing, and is told so at the open addresses as at the others.
    if request.endpoint in OPEN or isinstance(request.routing_exception, MethodNotAllowed):
        return None
    token = _sent_token()
    if _is_right(token):
        return None
    if token:
        count()
    if responses.wants_json():
        raise errors.Unauthorized
    return _form(errors.Unauthorized())


def _sent_token() -> str:
    sent = request.authorization
    if sent and sent.type == "bearer":
        return sent.token or ""
    # A page of another site that KANTU_CORS lets in has no use of the reader's cookie.
    return request.cookies.get(COOKIE, "") if security.is_harmless() else ""


def _is_right(token: str) -> bool:
    """In the same time whatever is wrong about it."""
    return compare_digest(token.encode(), service().settings.token.encode())


def _form(error: errors.Unauthorized, told: bool = False) -> Response:
    page = render_template(
        "sign_in.html",
        private=errors.sentence(errors.Unauthorized()),
        error=errors.sentence(error) if told else "",
    )
    return responses.with_status(page, error)


def _is_spared() -> bool:
    """Whether this machine itself asks, and may as often as it likes.

    Not so where there are proxies, not even one that KANTU_PROXIES was not told of: through it the
    whole world seems to be this machine.
    """
    settings = service().settings
    if not (settings.rate_limit and settings.rate_limit.except_local) or settings.proxies:
        return False
    if "X-Forwarded-For" in request.headers:
        return False
    return ip_address(request.remote_addr or "::").is_loopback
