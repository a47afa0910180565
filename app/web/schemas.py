"""What programs are answered, as types: the views are checked against them, and openapi.py makes
the schemas of them. Nothing else reads them while the server runs.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from app.captioning.confidence import Level
from app.errors import N_
from app.grounded import Region, Slot
from app.web.errors import PHOTO_STATUSES


class ErrorDetail(TypedDict):
    code: Annotated[str, N_("For programs: stays the same.")]
    message: Annotated[str, N_("For people: says what to do, in the language of the request.")]


class Error(TypedDict):
    error: ErrorDetail


class MaxError(Error):
    status: Literal["error"]
    message: str


class OllamaError(TypedDict):
    error: Annotated[str, N_("For people: says what to do, in the language of the request.")]


class OpenAiErrorDetail(ErrorDetail):
    type: str
    param: None


class OpenAiError(TypedDict):
    error: OpenAiErrorDetail


class PhotoPrismError(OllamaError):
    id: str
    code: Annotated[int, N_("The status of the answer.")]


class Problem(TypedDict):
    type: Annotated[str, N_("Where the error is explained."), {"format": "uri-reference"}]
    title: Annotated[str, N_("What the code means.")]
    status: Annotated[int, N_("The status of the answer.")]
    detail: Annotated[str, N_("For people: says what to do, in the language of the request.")]
    code: Annotated[str, N_("For programs: stays the same.")]
    request_id: Annotated[str, N_("Also in X-Request-Id and in the server's log.")]


# What only some models have to say stands in classes of its own here, for Python 3.10 has no
# NotRequired.


class Sentence(TypedDict):
    text: Annotated[str, N_("The sentence.")]
    log_probability: Annotated[float, N_("The natural logarithm of probability."), {"maximum": 0}]
    probability: Annotated[
        float,
        N_("The chance of exactly this sentence: small even for a good one."),
        {"minimum": 0, "maximum": 1},
    ]


class Caption(Sentence, total=False):
    confidence: Annotated[
        Level,
        N_("How sure the model was of this sentence; absent from models that do not say."),
    ]
    perhaps: Annotated[
        list[str],
        N_("Beside some guesses: what the photo may show that the sentence does not say."),
    ]
    template: Annotated[
        str, N_("The sentence with its visual words left open: “A <region-0> runs.”")
    ]
    slots: Annotated[list[Slot], N_("Its visual words: those that name a region of the photo.")]


class BabyTalk(TypedDict):
    text: Annotated[str, N_("The sentence.")]
    slots: Annotated[list[Slot], N_("Its visual words: those that name a region of the photo.")]


class BestCaption(Caption):
    language: str
    alternatives: Annotated[list[Caption], N_("Other ways to say it, the likeliest first.")]


class LanguageCaption(BestCaption, total=False):
    baby_talk: Annotated[
        BabyTalk | None,
        N_("A sentence made of nothing but what was detected; null where nothing was."),
    ]


class NamedPhoto(TypedDict):
    name: Annotated[str, N_("The file name that was sent.")]
    captions: Annotated[list[LanguageCaption], N_("One for each language that was asked for.")]


class CaptionedPhoto(NamedPhoto, total=False):
    regions: Annotated[
        list[Region],
        N_("The objects that were detected, from a model that points at what it names."),
    ]


class PhotoFault(TypedDict):
    code: Annotated[str, N_("For programs: stays the same."), {"enum": list(PHOTO_STATUSES)}]
    message: Annotated[str, N_("For people: says what to do, in the language of the request.")]


class FailedPhoto(TypedDict):
    name: Annotated[str, N_("The file name that was sent.")]
    error: PhotoFault


class Captions(TypedDict):
    model: str
    photos: Annotated[list[CaptionedPhoto | FailedPhoto], N_("In the order in which they came.")]


class Model(TypedDict):
    name: str
    languages: list[str]
    default: Annotated[bool, N_("Whether it answers where a request names none.")]
    objects: Annotated[
        list[str],
        N_("What it detects, points at, and can be told to mention; empty where it does not."),
    ]


class BeamWidth(TypedDict):
    least: int
    most: int
    default: int


class Models(TypedDict):
    models: list[Model]
    beam_width: BeamWidth


class Prediction(TypedDict):
    index: Annotated[str, N_("The rank, from 0: a string, as MAX has it.")]
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
