"""Baby Talk: what was detected on a photo, said by templates that nobody trained.

After Kulkarni et al. 2011, "Baby talk: understanding and generating simple image descriptions":
objects, their number, their colour and how they lie to each other, and nothing that the boxes and
the pixels do not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from app.captioning.colours import Colour, colour_of
from app.captioning.grounding import Box, Region, Slot, article
from app.captioning.objects import ObjectClass, objects

SURE = 0.5
"""Regions of lower scores are passed over."""
MAX_CLASSES = 4
"""More are not named."""


class Said(NamedTuple):
    text: str
    """One or two sentences."""
    slots: tuple[Slot, ...]
    """Its nouns, in order. One that names several objects points at the most prominent."""


# People are not described by colours, zebras have two, and screens show other things.
_COLOURLESS = frozenset({"person", "zebra", "tv", "laptop"})

# What is counted in English by another word; Chinese has its measure words.
_UNITS = {
    "skis": ("pair", "pairs"),
    "scissors": ("pair", "pairs"),
    "broccoli": ("piece", "pieces"),
}
# More than these are "many".
_NUMBERS = {
    "en": {2: "two", 3: "three", 4: "four"},
    "zh": {1: "一", 2: "两", 3: "三", 4: "四"},
}
_PLACES = {
    "en": {"left": " on the left", "middle": " in the middle", "right": " on the right"},
    "zh": {"left": "左边", "middle": "中间", "right": "右边"},
}
_RELATIONS = {
    "en": {
        "left": "to the left of",
        "right": "to the right of",
        "above": "above",
        "below": "below",
        "beside": "next to",
    },
    "zh": {
        "left": "的左边",
        "right": "的右边",
        "above": "的上方",
        "below": "的下方",
        "beside": "旁边",
    },
}


class _Thing(NamedTuple):
    """All that was detected of one class."""

    known: ObjectClass
    number: int
    region: int
    """The most prominent one's place among the photo's regions."""
    box: Box
    """Around all of them."""
    colour: Colour | None
    """That all of them have."""


@dataclass
class _Text:
    text: str = ""
    slots: list[Slot] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.text += text

    def noun(self, word: str, thing: _Thing) -> None:
        start = len(self.text)
        self.add(word)
        self.slots.append(Slot(start, len(self.text), thing.region))

    def said(self) -> Said:
        return Said(self.text, tuple(self.slots))


def baby_talk(
    regions: Sequence[Region], photo: np.ndarray, languages: Sequence[str]
) -> dict[str, Said | None]:
    """What is on a photo: "This photo shows two people and a brown dog. The dog is to the left of
    the people." or "照片里有两个人和一只棕色的狗，狗在人的左边。".

    Args:
        regions: what was detected on it, in any order.
        photo: upright, uint8 RGB (height, width, 3).
        languages: of "en" and "zh", else KeyError.

    Returns:
        By language; None where nothing was detected that it can name.
    """
    write = {"en": _english, "zh": _chinese}
    things, aspect = _things(regions, photo), photo.shape[1] / photo.shape[0]
    return {one: write[one](things, aspect) if things else None for one in languages}


# What there is


def _things(regions: Sequence[Region], photo: np.ndarray) -> list[_Thing]:
    """The most prominent first: by size and score, of all of a class together."""
    groups: dict[str, list[tuple[float, int, Box]]] = {}
    for index, region in enumerate(regions):
        box = _within_photo(region.box)
        prominence = _area(box) * region.score
        if region.score >= SURE and prominence > 0 and region.name in objects():
            groups.setdefault(region.name, []).append((prominence, index, box))
    ordered = sorted(groups, key=lambda name: -sum(entry[0] for entry in groups[name]))
    return [_thing(name, groups[name], photo) for name in ordered[:MAX_CLASSES]]


def _thing(name: str, group: list[tuple[float, int, Box]], photo: np.ndarray) -> _Thing:
    boxes = [box for _, _, box in group]
    _, region, _ = max(group, key=lambda entry: entry[0])
    edges = np.array(boxes)
    around = Box(*edges[:, :2].min(axis=0).tolist(), *edges[:, 2:].max(axis=0).tolist())
    return _Thing(objects()[name], len(group), region, around, _shared_colour(name, boxes, photo))


def _within_photo(box: Box) -> Box:
    return Box(*(min(max(edge, 0.0), 1.0) for edge in box))


def _area(box: Box) -> float:
    return max(box.right - box.left, 0.0) * max(box.bottom - box.top, 0.0)


# Colours


def _shared_colour(name: str, boxes: list[Box], photo: np.ndarray) -> Colour | None:
    if name in _COLOURLESS:
        return None
    colour, *others = {colour_of(box, photo) for box in boxes}
    # Not "an orange orange".
    return colour if not others and colour and colour.en != name else None


# Where it is


def _place(thing: _Thing) -> str | None:
    """In which third of the photo the middle of a single object is, unless it fills the photo."""
    left, _, right, _ = thing.box
    if thing.number > 1 or right - left > 2 / 3:
        return None
    return ("left", "middle", "right")[min(int((left + right) / 2 * 3), 2)]


def _relation(this: Box, other: Box, aspect: float) -> str:
    """How a box lies to another: "left", "right", "above" or "below" of it, "beside" it, or "with"
    it where they share so much that nothing else is sure.

    Args:
        aspect: of the photo, its width by its height.
    """
    across = min(this.right, other.right) - max(this.left, other.left)
    down = min(this.bottom, other.bottom) - max(this.top, other.top)
    width = min(this.right - this.left, other.right - other.left)
    height = min(this.bottom - this.top, other.bottom - other.top)
    # Not of their areas: boxes that cross each other share little of these.
    shared = max(across, 0.0) / width * max(down, 0.0) / height
    if shared >= 0.5:
        return "with"
    if shared >= 0.1:
        return "beside"
    if across * aspect < down:
        return "left" if this.left + this.right < other.left + other.right else "right"
    return "above" if this.top + this.bottom < other.top + other.bottom else "below"


# How it is said


def _english(things: list[_Thing], aspect: float) -> Said:
    text = _Text("This photo shows ")
    first, *others = things
    relation = _relation(others[0].box, first.box, aspect) if others else None
    if relation == "with":
        _listed(text, things[:2], _english_item, " with ", " with ")
        text.add(", as well as " if things[2:] else "")
        _listed(text, things[2:], _english_item, ", ", " and ")
    else:
        _listed(text, things, _english_item, ", ", " and ")
    place = None if others else _place(first)
    text.add(_PLACES["en"][place] if place else "")
    text.add(".")
    if relation in _RELATIONS["en"]:
        text.add(" The ")
        text.noun(_english_noun(others[0]), others[0])
        text.add(f" {_english_verb(others[0])} {_RELATIONS['en'][relation]} the ")
        text.noun(_english_noun(first), first)
        text.add(".")
    return text.said()


def _english_item(text: _Text, thing: _Thing) -> None:
    """ "two dogs", "a brown dog", "a pair of skis"."""
    described = f"{thing.colour.en} " if thing.colour else ""
    if units := _UNITS.get(thing.known.name):
        described = f"{units[thing.number > 1]} of {described}"
    if thing.number == 1:
        text.add(f"{article(described or thing.known.name)} ")
    else:
        text.add(_NUMBERS["en"].get(thing.number, "many") + " ")
    text.add(described)
    text.noun(_english_noun(thing), thing)


def _english_noun(thing: _Thing) -> str:
    return thing.known.plural if thing.number > 1 else thing.known.name


def _english_verb(thing: _Thing) -> str:
    pair = "pair" in _UNITS.get(thing.known.name, ())
    return "are" if thing.number > 1 or pair else "is"


def _chinese(things: list[_Thing], aspect: float) -> Said:
    first, *others = things
    place = None if others else _place(first)
    text = _Text(f"照片{_PLACES['zh'][place] if place else '里'}有")
    _listed(text, things, _chinese_item, "、", "和")
    # The "和" of two things that are with each other says so.
    relation = _relation(others[0].box, first.box, aspect) if others else None
    if relation in _RELATIONS["zh"]:
        text.add("，")
        text.noun(others[0].known.zh, others[0])
        text.add("在")
        text.noun(first.known.zh, first)
        text.add(_RELATIONS["zh"][relation])
    text.add("。")
    return text.said()


def _chinese_item(text: _Text, thing: _Thing) -> None:
    """ "两只狗", "一只棕色的狗", "很多狗"."""
    number = _NUMBERS["zh"].get(thing.number)
    text.add(f"{number}{thing.known.measure}" if number else "很多")
    text.add(f"{thing.colour.zh}的" if thing.colour else "")
    text.noun(thing.known.zh, thing)


def _listed(
    text: _Text,
    things: list[_Thing],
    item: Callable[[_Text, _Thing], None],
    comma: str,
    last: str,
) -> None:
    for index, thing in enumerate(things):
        if index:
            text.add(last if index == len(things) - 1 else comma)
        item(text, thing)
