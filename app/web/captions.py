"""What a request asks for, and the captions of one photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.captioning.captioner import Caption, Captioner
from app.config import LARGEST_BEAM, whole_number
from app.photos import read_photo
from app.web.errors import BadParameter, UnknownLanguage, UnknownModel
from app.web.service import LANGUAGES, service

Captions = dict[str, list[Caption]]
"""By language, the best first."""


@dataclass(frozen=True)
class Options:
    model: Captioner
    languages: tuple[str, ...]
    beam_width: int
    alternatives: int


def read_options(form: Mapping[str, str]) -> Options:
    """Raises WebError. An empty field counts as one not sent."""
    model = _model(form.get("model"))
    languages = _languages(form.get("language") or "all", model)
    beam_width = _whole(form, "beam_width", service().settings.beam_width, 1, LARGEST_BEAM)
    alternatives = _whole(form, "alternatives", beam_width - 1, 0, beam_width - 1)
    return Options(model, languages, beam_width, alternatives)


def describe(data: bytes, options: Options) -> tuple[np.ndarray, Captions]:
    """The photo, upright, and its captions. Raises PhotoError."""
    settings, tally = service().settings, service().tally
    with service().queue.turn():
        with tally.stage("read"):
            photo = read_photo(data, settings.max_bytes, settings.max_pixels)
        with tally.stage("encode"):
            encoding = options.model.encode(photo)
        with tally.stage("decode"):
            captions = {
                language: options.model.decode(encoding, language, options.beam_width)
                for language in options.languages
            }
    for language in captions:
        tally.count_caption(language)
    return photo, {
        language: found[: 1 + options.alternatives] for language, found in captions.items()
    }


def languages_of(model: Captioner) -> tuple[str, ...]:
    return tuple(language for language in LANGUAGES if language in model.languages)


def _model(name: str | None) -> Captioner:
    models = service().models
    if not name:
        return service().default_model
    if name not in models:
        raise UnknownModel(model=name, allowed=", ".join(models))
    return models[name]


def _languages(name: str, model: Captioner) -> tuple[str, ...]:
    spoken = languages_of(model)
    if name == "all":
        return spoken
    if name not in spoken:
        raise UnknownLanguage(language=name, allowed=", ".join((*spoken, "all")))
    return (name,)


def _whole(form: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = form.get(name)
    if not text:
        return default
    number = whole_number(text, least, most)
    if number is None:
        raise BadParameter(name=name, value=text, least=least, most=most)
    return number
