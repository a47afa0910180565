"""What captions point at, as programs read it: the same in the API and on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.captioning.grounding import Region, Slot

if TYPE_CHECKING:
    from app.web import shapes

DIGITS = 4
"""Of a box's edges and of scores: half a pixel of a photo 5,000 wide."""


def slots_json(text: str, slots: Sequence[Slot]) -> list[shapes.Slot]:
    return [
        {"start": start, "end": end, "text": text[start:end], "region": region}
        for start, end, region in slots
    ]


def regions_json(regions: Sequence[Region]) -> list[shapes.Region]:
    return [{"class": one.name, "score": _rounded(one.score), "box": _box(one)} for one in regions]


def _box(region: Region) -> shapes.Box:
    left, top, right, bottom = map(_rounded, region.box)
    return {"left": left, "top": top, "right": right, "bottom": bottom}


def _rounded(number: float) -> float:
    # A detector's float32 is none of JSON's numbers.
    return round(float(number), DIGITS)
