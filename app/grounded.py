"""What captions point at, as programs read it: the same in the API and on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypedDict

from app.captioning import grounding
from app.errors import N_

DIGITS = 4
"""Of a box's edges and of scores: half a pixel of a photo 5,000 wide."""


Share = Annotated[
    float,
    N_("From the photo's left or top edge, as a share of its width or height."),
    {"minimum": 0, "maximum": 1},
]


class Slot(TypedDict):
    start: Annotated[int, N_("Of its first character in the sentence, from 0."), {"minimum": 0}]
    end: Annotated[int, N_("After its last one."), {"minimum": 0}]
    text: Annotated[str, N_("The word, or words.")]
    region: Annotated[int, N_("Its place among the regions of the photo, from 0."), {"minimum": 0}]


class Box(TypedDict):
    left: Share
    top: Share
    right: Share
    bottom: Share


Region = TypedDict(
    "Region",
    {
        "class": Annotated[str, N_("Of the object: one of the model's objects.")],
        "score": Annotated[
            float, N_("How sure the detector is of it."), {"minimum": 0, "maximum": 1}
        ],
        "box": Annotated[Box, N_("Where it is.")],
    },
)


def slots_json(text: str, slots: Sequence[grounding.Slot]) -> list[Slot]:
    return [
        {"start": start, "end": end, "text": text[start:end], "region": region}
        for start, end, region in slots
    ]


def regions_json(regions: Sequence[grounding.Region]) -> list[Region]:
    return [{"class": one.name, "score": _rounded(one.score), "box": _box(one)} for one in regions]


def _box(region: grounding.Region) -> Box:
    left, top, right, bottom = map(_rounded, region.box)
    return {"left": left, "top": top, "right": right, "bottom": bottom}


def _rounded(number: float) -> float:
    # A detector's float32 is none of JSON's numbers.
    return round(float(number), DIGITS)
