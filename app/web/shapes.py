"""What programs are answered, as types: the views are checked against them, and openapi.py makes
the schemas of them. Nothing else reads them while the server runs.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from flask_babel import lazy_gettext as _l

from app.photos import STATUSES

Share = Annotated[
    float,
    _l("From the photo's left or top edge, as a share of its width or height."),
    {"minimum": 0, "maximum": 1},
]


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


class Slot(TypedDict):
    start: Annotated[int, _l("Of its first character in the sentence, from 0."), {"minimum": 0}]
    end: Annotated[int, _l("After its last one."), {"minimum": 0}]
    text: Annotated[str, _l("The word, or words.")]
    region: Annotated[int, _l("Its place among the regions of the photo, from 0."), {"minimum": 0}]


# What only a model that points at what it names has to say stands in classes of its own here, for
# Python 3.10 has no NotRequired.


class Sentence(TypedDict):
    text: Annotated[str, _l("The sentence.")]
    log_probability: Annotated[float, _l("The natural logarithm of probability."), {"maximum": 0}]
    probability: Annotated[
        float,
        _l("The chance of exactly this sentence: small even for a good one."),
        {"minimum": 0, "maximum": 1},
    ]


class Caption(Sentence, total=False):
    template: Annotated[
        str, _l("The sentence with its visual words left open: “A <region-0> runs.”")
    ]
    slots: Annotated[list[Slot], _l("Its visual words: those that name a region of the photo.")]


class BabyTalk(TypedDict):
    text: Annotated[str, _l("The sentence.")]
    slots: Annotated[list[Slot], _l("Its visual words: those that name a region of the photo.")]


class BestCaption(Caption):
    language: str
    alternatives: Annotated[list[Caption], _l("Other ways to say it, the likeliest first.")]


class LanguageCaption(BestCaption, total=False):
    baby_talk: Annotated[
        BabyTalk | None,
        _l("A sentence made of nothing but what was detected; null where nothing was."),
    ]


class Box(TypedDict):
    left: Share
    top: Share
    right: Share
    bottom: Share


Region = TypedDict(
    "Region",
    {
        "class": Annotated[str, _l("Of the object: one of the model's objects.")],
        "score": Annotated[
            float, _l("How sure the detector is of it."), {"minimum": 0, "maximum": 1}
        ],
        "box": Annotated[Box, _l("Where it is.")],
    },
)


class NamedPhoto(TypedDict):
    name: Annotated[str, _l("The file name that was sent.")]
    captions: Annotated[list[LanguageCaption], _l("One for each language that was asked for.")]


class CaptionedPhoto(NamedPhoto, total=False):
    regions: Annotated[
        list[Region],
        _l("The objects that were detected, from a model that points at what it names."),
    ]


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
    objects: Annotated[
        list[str],
        _l("What it detects, points at, and can be told to mention; empty where it does not."),
    ]


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
