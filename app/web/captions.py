"""What a request asks for, and the captions of one photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.captioning.baby_talk import Said, baby_talk
from app.captioning.captioner import Caption, Captioner, Encoding
from app.captioning.grounding import Region
from app.config import LARGEST_BEAM, whole_number
from app.mentions import check_mention, split_mention
from app.models import LANGUAGES
from app.photos import read_photo
from app.photos.kinds import Kind
from app.web.errors import BadParameter, UnknownLanguage, UnknownModel
from app.web.service import service

Captions = dict[str, list[Caption]]
"""By language, the best first."""


@dataclass(frozen=True)
class Options:
    model: Captioner
    languages: tuple[str, ...]
    beam_width: int
    alternatives: int
    kinds: tuple[Kind, ...]
    """Of photos, that are taken."""
    mention: tuple[str, ...] = ()
    """Objects that each caption has to name."""


@dataclass(frozen=True)
class Detected:
    """What a model that points at what it names has seen on a photo."""

    regions: tuple[Region, ...]
    baby_talk: Mapping[str, Said | None]
    """A sentence of these alone, by language; none where there is nothing to say."""


@dataclass(frozen=True)
class Described:
    photo: np.ndarray
    """Upright."""
    encoding: Encoding
    captions: Captions
    detected: Detected | None
    """None where the model does not point at what it names."""


def read_options(form: Mapping[str, str]) -> Options:
    """Raises PublicError. An empty field counts as one not sent."""
    model = _model(form.get("model"))
    languages = _languages(form.get("language") or "all", model)
    beam_width = _whole(form, "beam_width", service().settings.beam_width, 1, LARGEST_BEAM)
    alternatives = _whole(form, "alternatives", beam_width - 1, 0, beam_width - 1)
    mention = split_mention(form.get("mention") or "")
    check_mention(mention, model.name, model.objects)
    kinds = service().settings.formats.own
    return Options(model, languages, beam_width, alternatives, kinds, mention)


def describe(data: bytes, options: Options) -> Described:
    """Raises PhotoError."""
    settings, counters, model = service().settings, service().counters, options.model
    with service().queue.turn():
        with counters.stage("read"):
            photo = read_photo(data, settings.max_bytes, settings.max_pixels, options.kinds)
        with counters.stage("encode"):
            encoding = model.encode(photo)
        with counters.stage("decode"):
            captions = {
                language: model.decode(encoding, language, options.beam_width, options.mention)[
                    : 1 + options.alternatives
                ]
                for language in options.languages
            }
            detected = None
            if model.objects:
                said = baby_talk(encoding.regions, photo, options.languages)
                detected = Detected(encoding.regions, said)
    for language in captions:
        counters.count_caption(language)
    return Described(photo, encoding, captions, detected)


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
