"""What programs are answered, as types: the views are checked against them, and openapi.py makes
the schemas of them. Nothing else reads them while the server runs.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from flask_babel import lazy_gettext as _l

from app.photos import STATUSES


class ErrorDetail(TypedDict):
    code: Annotated[str, _l("For programs: stays the same.")]
    message: Annotated[str, _l("For people: says what to do, in the language of the request.")]


class Error(TypedDict):
    error: ErrorDetail


class MaxError(Error):
    status: Literal["error"]
    message: str


class Problem(TypedDict):
    type: Annotated[str, _l("Where the error is explained."), {"format": "uri-reference"}]
    title: Annotated[str, _l("What the code means.")]
    status: Annotated[int, _l("The status of the answer.")]
    detail: Annotated[str, _l("For people: says what to do, in the language of the request.")]
    code: Annotated[str, _l("For programs: stays the same.")]
    request_id: Annotated[str, _l("Also in X-Request-Id and in the server's log.")]


class Caption(TypedDict):
    text: Annotated[str, _l("The sentence.")]
    log_probability: Annotated[float, _l("The natural logarithm of probability."), {"maximum": 0}]
    probability: Annotated[
        float,
        _l("The chance of exactly this sentence: small even for a good one."),
        {"minimum": 0, "maximum": 1},
    ]


class LanguageCaption(Caption):
    language: str
    alternatives: Annotated[list[Caption], _l("Other ways to say it, the likeliest first.")]


class CaptionedPhoto(TypedDict):
    name: Annotated[str, _l("The file name that was sent.")]
    captions: Annotated[list[LanguageCaption], _l("One for each language that was asked for.")]


class PhotoFault(TypedDict):
    code: Annotated[str, _l("For programs: stays the same."), {"enum": list(STATUSES)}]
    message: Annotated[str, _l("For people: says what to do, in the language of the request.")]


class FailedPhoto(TypedDict):
    name: Annotated[str, _l("The file name that was sent.")]
    error: PhotoFault


class Captions(TypedDict):
    model: str
    photos: Annotated[list[CaptionedPhoto | FailedPhoto], _l("In the order in which they came.")]


class Model(TypedDict):
    name: str
    languages: list[str]
    default: Annotated[bool, _l("Whether it answers where a request names none.")]


class BeamWidth(TypedDict):
    least: int
    most: int
    default: int


class Models(TypedDict):
    models: list[Model]
    beam_width: BeamWidth


class Prediction(TypedDict):
    index: Annotated[str, _l("The rank, from 0: a string, as MAX has it.")]
    caption: str
    probability: Annotated[float, {"minimum": 0, "maximum": 1}]


class Predictions(TypedDict):
    status: Literal["ok"]
    predictions: list[Prediction]


class Metadata(TypedDict):
    id: str
    name: str
    description: str
    type: str
    source: Annotated[str, {"format": "uri"}]


class Alive(TypedDict):
    status: Literal["ok"]


class Ready(TypedDict):
    status: Literal["ready"]
    models: list[str]
