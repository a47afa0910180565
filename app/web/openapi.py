"""The OpenAPI 3.1 description of what programs may ask, made from the code's own facts.

Statuses come from the errors' classes, schemas from the types in schemas.py, limits and choices
from the settings and the loaded models. Imported when it is first asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from flask_babel import get_locale
from flask_babel import gettext as _

from app.captioning.constrained_search import MAX_CONSTRAINTS
from app.config import LARGEST_BEAM, Settings
from app.photos.errors import megabytes, titles
from app.photos.kinds import Kind
from app.web import problems, schemas
from app.web.captions import languages_of
from app.web.doors import described, max
from app.web.errors import PHOTO_STATUSES, STATUSES
from app.web.json_schema import Json, Schemas
from app.web.service import service
from app.web.uploads import most_bytes

VERSION = "1.0.0"
"""Of what is promised; its first number is the one in the addresses."""

UPLOADING = (
    *PHOTO_STATUSES,
    "no_photo",
    "bad_request",
    "compressed_body",
    "cross_site",
    "request_too_large",
)
CAPTIONING = (*UPLOADING, "too_many_photos", "unknown_language", "rate_limited", "busy")

HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"type": "string"}},
    429: {"Retry-After": {"type": "integer", "minimum": 1}},
    503: {"Retry-After": {"type": "integer", "minimum": 1}},
}
"""What answers of a status have besides X-Request-Id."""

SAID = {"text": "A dog runs.", "log_probability": -2.1, "probability": 0.122}
OTHER = {"text": "A brown dog runs.", "log_probability": -2.6, "probability": 0.0743}
CONFIDENT = {"confidence": "sure"}
"""What they have besides where the model says how sure it was."""
POINTING = {
    "template": "A <region-0> runs.",
    "slots": [{"start": 2, "end": 5, "text": "dog", "region": 0}],
}
"""What SAID has besides where the model points at what it names."""
DOG = {
    "class": "dog",
    "score": 0.93,
    "box": {"left": 0.12, "top": 0.3, "right": 0.55, "bottom": 0.9},
}


class Model(NamedTuple):
    """What there is to say of one, apart from the weights."""

    name: str
    languages: tuple[str, ...]
    objects: tuple[str, ...]
    confident: bool


Models = tuple[Model, ...]


def document() -> Json:
    """In the language of the request."""
    models = tuple(
        Model(name, languages_of(model), model.objects, model.confident)
        for name, model in service().models.items()
    )
    return _document(service().settings, models, str(get_locale()))


@lru_cache(maxsize=2)
def _document(settings: Settings, models: Models, locale: str) -> Json:
    # The locale is but a part of the key: texts are in the language of the request by themselves.
    return _Description(settings, models).document()


class _Description:
    def __init__(self, settings: Settings, models: Models):
        self.settings = settings
        self.models = models
        self.schemas = Schemas()

    def document(self) -> Json:
        paths = {
            "/api/v1/captions": {"post": self._captions()},
            "/api/v1/models": {"get": self._models()},
            "/api/v1/openapi.json": {"get": self._this()},
            "/model/predict": {"post": self._predict()},
            "/model/metadata": {"get": self._metadata()},
            **described.paths(self._operation, CAPTIONING),
            "/healthz": {"get": self._alive()},
            "/readyz": {"get": self._ready()},
        }
        token = {"type": "http", "scheme": "bearer", "description": _("The server's KANTU_TOKEN.")}
        return {
            "openapi": "3.1.0",
            "info": _info(),
            "paths": paths,
            "components": {
                "schemas": self.schemas.named,
                "securitySchemes": {"token": token} if self.settings.token else {},
            },
            "security": [{"token": []}] if self.settings.token else [],
            "x-errors": _errors(),
        }

    def _captions(self) -> Json:
        operation = self._operation(
            "captions",
            _("Caption photos"),
            schemas.Captions,
            (*CAPTIONING, "bad_parameter", "unknown_model", "bad_mention"),
        )
        operation["responses"]["200"]["content"]["application/json"]["example"] = self._example()
        return operation | {
            "description": _(
                "Each photo gets its captions, or its error, in its own place: one broken photo "
                "does not lose the others. Where none can be captioned, the answer is the error of "
                "the first."
            ),
            "requestBody": _form("photo", self._fields(), self.settings.formats.own),
        }

    def _fields(self) -> Json:
        languages = dict.fromkeys(language for one in self.models for language in one.languages)
        names = [one.name for one in self.models]
        return {
            "photo": self._photos(),
            "language": _choice(
                _("Of the captions; all is every language of the model."),
                [*languages, "all"],
                "all",
            ),
            "beam_width": _number(
                _("How many captions the search follows: more take longer."), 1, LARGEST_BEAM
            )
            | {"default": self.settings.beam_width},
            "alternatives": _number(
                _("How many others to give at most: fewer than beam_width. If absent, all."),
                0,
                LARGEST_BEAM - 1,
            ),
            "model": _choice(_("One of the loaded models."), names, names[0]),
            **self._mention(),
        }

    def _mention(self) -> Json:
        """Nothing where no model can be told what to mention."""
        objects = list(dict.fromkeys(name for one in self.models for name in one.objects))
        if not objects:
            return {}
        about = _(
            "Objects that each caption has to name, with commas between: %(most)s at most, of "
            "those that /api/v1/models lists for the model.",
            most=MAX_CONSTRAINTS,
        )
        one = f"({'|'.join(objects)})"
        return {
            "mention": {
                "type": "string",
                "pattern": f"^{one}(,{one}){{0,{MAX_CONSTRAINTS - 1}}}$",
                "examples": [",".join(objects[:2])],
                "description": about,
            }
        }

    def _photos(self) -> Json:
        most = self.settings.max_photos
        limits = _(
            "%(kinds)s files, each a part of its own: %(photos)s at most, each up to %(each)g MB, "
            "together up to %(together)g MB.",
            kinds=titles(self.settings.formats.own),
            photos=most,
            each=megabytes(self.settings.max_bytes),
            together=megabytes(most_bytes(self.settings, most)),
        )
        return {
            "type": "array",
            "description": limits,
            "items": _photo(self.settings.formats.own),
            "minItems": 1,
            "maxItems": most,
        }

    def _example(self) -> Json:
        first = self.models[0]
        sure = CONFIDENT if first.confident else {}
        caption = {"language": first.languages[0], **SAID, **sure, "alternatives": [OTHER | sure]}
        photo = {"name": "dog.jpg", "captions": [caption | POINTING if first.objects else caption]}
        regions = {"regions": [DOG]} if first.objects else {}
        fault = {"code": "not_jpeg", "message": str(problems.TITLES["not_jpeg"])}
        return {
            "model": first.name,
            "photos": [
                photo | regions,
                {"name": "notes.txt", "error": fault},
            ],
        }

    def _models(self) -> Json:
        return self._operation("models", _("What can be asked for"), schemas.Models)

    def _this(self) -> Json:
        return self._operation("description", _("This description, for programs"))

    def _predict(self) -> Json:
        operation = self._operation(
            "predict",
            _("Caption a photo for a client of MAX"),
            schemas.Predictions,
            CAPTIONING,
            schemas.MaxError,
        )
        languages = self.models[0].languages
        operation["parameters"] += [
            _query("language", _choice(_("Of the captions."), languages, languages[0]))
        ]
        kinds = self.settings.formats.doors
        limits = _(
            "A %(kinds)s file, up to %(size)g MB.",
            kinds=titles(kinds),
            size=megabytes(self.settings.max_bytes),
        )
        return operation | {
            "description": _(
                "The form and the answer of IBM's MAX Image Caption Generator, so that its clients "
                "need nothing but this address. Captions are words in lower case with spaces "
                "between, the full stop among them."
            ),
            "requestBody": _form(
                max.FIELD, {max.FIELD: _photo(kinds) | {"description": limits}}, kinds
            ),
        }

    def _metadata(self) -> Json:
        summary = _("About the model, for a client of MAX")
        return self._operation("metadata", summary, schemas.Metadata, error=schemas.MaxError)

    def _alive(self) -> Json:
        operation = self._operation("alive", _("Whether the server lives"), schemas.Alive)
        return self._without_token(operation)

    def _ready(self) -> Json:
        operation = self._operation("ready", _("Whether the models are loaded"), schemas.Ready)
        return self._without_token(operation)

    def _operation(
        self,
        name: str,
        summary: str,
        answer: Any = None,
        codes: Iterable[str] = (),
        error: Any = schemas.Error,
    ) -> Json:
        language = {"type": "string", "examples": ["en", "zh"]}
        about = _("The language of the sentences for people, instead of Accept-Language.")
        schema = self.schemas.of(answer) if answer else {"type": "object"}
        token = ("unauthorized",) if self.settings.token else ()
        return {
            "operationId": name,
            "summary": summary,
            "parameters": [_query("lang", language | {"description": about})],
            "responses": {
                "200": _response(_("Done."), {"application/json": schema}),
                **self._failures((*codes, *token, "internal_error"), error),
            },
        }

    def _failures(self, codes: Iterable[str], error: Any) -> Json:
        """The answers for these codes, by status."""
        by_status: dict[int, list[str]] = defaultdict(list)
        for code in codes:
            by_status[STATUSES[code]].append(code)
        return {
            str(status): self._failure(status, by_status[status], error)
            for status in sorted(by_status)
        }

    def _failure(self, status: int, codes: list[str], error: Any) -> Json:
        one = {"properties": {"code": {"enum": codes}}}
        return _response(
            " · ".join(f"{code}: {problems.TITLES[code]}" for code in codes),
            {
                "application/json": self.schemas.of(error) | {"properties": {"error": one}},
                problems.MIMETYPE: self.schemas.of(schemas.Problem) | one,
            },
            HEADERS.get(status, {}),
        )

    def _without_token(self, operation: Json) -> Json:
        operation["responses"].pop("401", None)
        return operation | {"security": []}


def _info() -> Json:
    return {
        "title": "Kantu",
        "version": VERSION,
        "summary": _("Captions of photos, in English and Chinese"),
        "description": "\n\n".join(
            (
                _(
                    "Version 1 stays compatible: fields, errors and addresses may be added, but "
                    "none is removed, renamed or given another meaning."
                ),
                _(
                    "Nothing is stored, and the same request gets the same answer: it is safe to "
                    "repeat one."
                ),
                _("Who accepts application/problem+json gets errors in that form (RFC 9457)."),
            )
        ),
        "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    }


def _errors() -> Json:
    return {
        code: {"status": status, "title": str(problems.TITLES[code])}
        for code, status in sorted(STATUSES.items(), key=lambda item: (item[1], item[0]))
    }


def _photo(kinds: Sequence[Kind]) -> Json:
    schema = {"type": "string", "format": "binary", "x-kinds": titles(kinds)}
    # A schema can name but one.
    return schema | ({"contentMediaType": kinds[0].media_type} if len(kinds) == 1 else {})


def _form(photo: str, fields: Json, kinds: Sequence[Kind]) -> Json:
    """A form with these fields, of which this one, with photos of these kinds, is required."""
    schema = {
        "type": "object",
        "description": _("An empty field counts as one that was not sent."),
        "properties": fields,
        "required": [photo],
    }
    encoding = {photo: {"contentType": ", ".join(kind.media_type for kind in kinds)}}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"required": True, "content": content}


def _choice(description: str, allowed: Iterable[str], default: str) -> Json:
    schema = {"type": "string", "enum": list(allowed), "default": default}
    return schema | {"description": description}


def _number(description: str, least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "description": description}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


def _response(description: str, content: Json, headers: Json | None = None) -> Json:
    names = {"X-Request-Id": {"type": "string"}} | (headers or {})
    return {
        "description": description,
        "headers": {name: {"required": True, "schema": schema} for name, schema in names.items()},
        "content": {mimetype: {"schema": schema} for mimetype, schema in content.items()},
    }
