"""What the templates say beside their own words: names, sizes, chances."""

from __future__ import annotations

from flask import Flask
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from app.web.errors import sentence
from app.web.language import HTML_LANG, LANGUAGES
from app.web.marks import PLACES, object_names, pieces

CAPTION_LANGUAGES = {"en": _l("English"), "zh": _l("Chinese")}
EVERY_LANGUAGE = _l("Both")

CONFIDENCE = {"sure": _l("Quite sure"), "unsure": _l("Not so sure"), "guess": _l("A guess")}


def init_app(app: Flask) -> None:
    app.context_processor(_names)
    app.add_template_filter(percent)
    app.add_template_filter(pieces)
    app.add_template_filter(sentence, "message")


def caption_choices(languages: tuple[str, ...]) -> dict[str, LazyString]:
    """What the form's `language` may be, with its name."""
    return {"all": EVERY_LANGUAGE, **{code: CAPTION_LANGUAGES[code] for code in languages}}


def percent(probability: float) -> str:
    """Two digits that count: "37%", "4.2%", "0.0031%". static/js/percent.js writes the same."""
    if probability < 0.000001:
        return "<0.0001%"
    percentage = 100 * probability
    return f"{percentage:.0f}%" if percentage >= 10 else f"{percentage:.2g}%"


def _names() -> dict[str, object]:
    return {
        "locale": str(get_locale()),
        "html_langs": HTML_LANG,
        "ui_languages": LANGUAGES,
        "caption_languages": CAPTION_LANGUAGES,
        "confidence_names": CONFIDENCE,
        "object_names": object_names,
        "places": PLACES,
    }
