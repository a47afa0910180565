"""Which language the user reads: `?lang=`, else the cookie, else Accept-Language, else English."""

from __future__ import annotations

from flask import Response, has_request_context, request

LANGUAGES = {"en": "English", "zh": "中文"}
"""Each in its own words."""

HTML_LANG = {"en": "en", "zh": "zh-Hans"}
COOKIE = "lang"
A_YEAR = 365 * 24 * 60 * 60


def choose() -> str:
    """The locale of this request, or English outside one (the command line)."""
    if not has_request_context():
        return "en"
    for chosen in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return _accepted()


def _accepted() -> str:
    # Not werkzeug's best_match: for "zh-CN, en;q=0.8" it prefers en, the only exact match.
    for tag, quality in request.accept_languages:
        primary = tag.replace("_", "-").split("-")[0].lower()
        if quality > 0 and primary in LANGUAGES:
            return primary
    return "en"


def remember(response: Response) -> Response:
    """Keeps what `?lang=` asked for in a cookie, and tells caches what the page depends on."""
    lang = request.args.get("lang")
    if lang in LANGUAGES and lang != request.cookies.get(COOKIE):
        response.set_cookie(
            COOKIE, lang, max_age=A_YEAR, secure=request.is_secure, httponly=True, samesite="Lax"
        )
    response.vary.update(("Accept-Language", "Cookie"))
    return response
