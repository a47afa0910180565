"""What the doors have in common: a JSON body, photos in base64, a model's name, a prompt."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from app.captioning.captioner import Captioner
from app.web.captions import Described, Options, describe, languages_of
from app.web.doors import Json
from app.web.errors import (
    BadField,
    NoPhotoInJson,
    NotJson,
    RemotePhoto,
    RequestTooLarge,
    TooManyPhotos,
    UnknownLanguage,
    UnknownModel,
)
from app.web.service import service
from app.web.uploads import receive_body

KANTU = "kantu"
"""The model that is used where a request names none; other models go by their own names."""

CHINESE = re.compile(
    r"\b(in|into) ((simplified|traditional|mandarin) )?(chinese|mandarin)\b"
    r"|\bchinese (caption|description|language|sentence)|\blanguage: ?(zh|chinese)|用中文|说中文",
    re.IGNORECASE,
)
ENGLISH = re.compile(r"\b(in|into) english\b|\blanguage: ?en|用英文|用英语", re.IGNORECASE)
IDEOGRAPH, KANA = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3040-\u30ff]")


MOST_PIECES = 20_000
"""Brackets and commas in a request: a piece of JSON takes a hundred times its bytes of memory."""

AS_USUAL = str.maketrans("-_", "+/", "\r\n\t ")
"""Of base64: some write lines, or the alphabet for addresses."""

MOST_TEXT = 20_000
"""Characters of a text that are read: it only tells the language."""
MOST_PROMPTS = 50


@contextmanager
def asked() -> Iterator[Json]:
    """The request's JSON object, with a place in the queue. Raises PublicError."""
    with receive_body() as body:
        yield read_json(body)


def read_json(body: bytes) -> Json:
    """Raises NotJson, or RequestTooLarge where it has too many pieces."""
    if sum(map(body.count, (b"{", b"[", b","))) > MOST_PIECES:
        raise RequestTooLarge
    try:
        # RecursionError where brackets are nested deeper than anybody's.
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise NotJson from None
    if not isinstance(value, dict):
        raise NotJson
    return value


def text_of(value: Json, field: str) -> str:
    """Empty where the field is absent, its beginning where it is long. Raises BadField where it is
    no text."""
    text = value.get(field)
    if not isinstance(text, str | None):
        raise BadField(field=field)
    return well_formed((text or "")[:MOST_TEXT], field)


def well_formed(text: str, field: str) -> str:
    """Raises BadField where it has half a character, as JSON can write one and nobody can read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadField(field=field) from None
    return text


def list_of(value: Json, field: str) -> list[Any]:
    """Empty where the field is absent. Raises BadField where it is no list."""
    items = value.get(field)
    if not isinstance(items, list | None):
        raise BadField(field=field)
    return items or []


def dicts_of(value: Json, field: str) -> list[Json]:
    """The same where it holds objects."""
    items = list_of(value, field)
    if not all(isinstance(item, dict) for item in items):
        raise BadField(field=field)
    return items


def names() -> list[str]:
    """Of all that can be asked for: each model, and in each of its languages."""
    return [
        one
        for name, model in _named().items()
        for one in (name, *(f"{name}:{language}" for language in languages_of(model)))
    ]


def find(name: str) -> tuple[Captioner, str]:
    """The model of this name, and the language that the name asks for, empty where it names none.
    Raises UnknownModel and UnknownLanguage."""
    base, _, tag = name.partition(":")
    known = {**service().models, **_named()}
    if base not in known:
        raise UnknownModel(model=name, allowed=", ".join(names()))
    model = known[base]
    if tag in ("", "latest"):
        return model, ""
    if tag not in languages_of(model):
        raise UnknownLanguage(language=tag, allowed=", ".join(languages_of(model)))
    return model, tag


def _named() -> dict[str, Captioner]:
    models = service().models
    default = service().default_model
    return {KANTU: default, **{name: one for name, one in models.items() if one is not default}}


def options(name: str, prompts: Sequence[str], alternatives: int = 0) -> Options:
    """What a request asks for: its language by the model's name, else by the first of its prompts
    that tells. Raises UnknownModel and UnknownLanguage."""
    model, language = find(name or KANTU)
    spoken = languages_of(model)
    told = [one for one in map(language_of, prompts[:MOST_PROMPTS]) if one in spoken]
    language = language or (told or spoken)[0]
    settings = service().settings
    width = max(settings.beam_width, 1 + alternatives)
    return Options(model, (language,), width, alternatives, settings.formats.doors)


def language_of(prompt: str) -> str | None:
    """That in which a prompt wants its answer, None where it does not tell."""
    if ENGLISH.search(prompt):
        return "en"
    if CHINESE.search(prompt) or (IDEOGRAPH.search(prompt) and not KANA.search(prompt)):
        return "zh"
    return None


def described(photos: Sequence[Any], asked_for: Options) -> list[Described]:
    """Photos as JSON has them: base64, or data: addresses. Raises PublicError."""
    if not photos:
        raise NoPhotoInJson
    most = service().settings.max_photos
    if len(photos) > most:
        raise TooManyPhotos(most=most)
    return [describe(photo_of(one), asked_for) for one in photos]


def photo_of(text: Any) -> bytes:
    """Raises PublicError."""
    if not isinstance(text, str):
        raise BadField(field="image")
    if text[:8].lower().startswith(("http://", "https://")):
        raise RemotePhoto
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise BadField(field="image")
    if not text.isascii():
        raise BadField(field="image")
    plain = text.translate(AS_USUAL).rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadField(field="image") from None


def sentences(all_described: Sequence[Described], language: str) -> str:
    """The captions, of several photos a line each."""
    return "\n".join(one.captions[language][0].text for one in all_described)


def words_in(text: str) -> int:
    """What stands for tokens where clients count them: words, and Chinese characters."""
    return sum(1 for _ in re.finditer(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", text))


def pieces(text: str) -> list[str]:
    """The text as a stream brings it: word by word, in Chinese character by character."""
    return re.findall(r"\s*(?:[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+)", text)
