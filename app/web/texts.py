"""What the templates say beside their own words: names, sizes, chances."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flask import Flask
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from app.captioning.captioner import Caption
from app.web.language import HTML_LANG, LANGUAGES

CAPTION_LANGUAGES = {"en": _l("English"), "zh": _l("Chinese")}
EVERY_LANGUAGE = _l("Both")

SURENESS = {"sure": _l("Quite sure"), "unsure": _l("Not so sure"), "guess": _l("A guess")}


@dataclass(frozen=True)
class Steps:
    """From which mean probability of a word (in Chinese of a character) a caption is which."""

    sure: float
    unsure: float


STEPS = {"en": Steps(0.47, 0.39), "zh": Steps(0.65, 0.60)}
"""Measured with kantu-1 on 500 dev photos of Flickr8k. Share of captions that come close to those
by people, their CIDEr-D being 30 or more, from the surest step on: English 93, 70, 42 % (91, 164
and 245 captions), Chinese 85, 67, 48 % (133, 111, 256). The whole sentence's probability tells as
much, but falls with its length, so that no one can read it."""


def init_app(app: Flask) -> None:
    app.context_processor(_names)
    app.add_template_filter(percent)
    app.add_template_filter(sureness)


def caption_choices(languages: tuple[str, ...]) -> dict[str, LazyString]:
    """What the form's `language` may be, with its name."""
    return {"all": EVERY_LANGUAGE, **{code: CAPTION_LANGUAGES[code] for code in languages}}


def percent(probability: float) -> str:
    """Two digits that count: "37%", "4.2%", "0.0031%". static/js/chance.js writes the same."""
    if probability < 0.000001:
        return "<0.0001%"
    percentage = 100 * probability
    return f"{percentage:.0f}%" if percentage >= 10 else f"{percentage:.2g}%"


def sureness(caption: Caption, language: str) -> str:
    """A key of SURENESS. static/js/chance.js counts the same."""
    # The end of a sentence is one more choice of the model's: in Chinese its full stop.
    units = len(caption.text) if language == "zh" else len(caption.text.split()) + 1
    mean, steps = math.exp(caption.log_probability / units), STEPS[language]
    return "sure" if mean >= steps.sure else "unsure" if mean >= steps.unsure else "guess"


def _names() -> dict[str, object]:
    return {
        "locale": str(get_locale()),
        "html_langs": HTML_LANG,
        "ui_languages": LANGUAGES,
        "caption_languages": CAPTION_LANGUAGES,
        "sureness_names": SURENESS,
        "steps": STEPS,
    }
