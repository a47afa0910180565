"""What words of a caption and boxes on its photo share on the page: a number, by which they are
recognised, and light up together. static/js/marks.js does the same where scripts run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from app.captioning.baby_talk import Said
from app.captioning.grounding import Region, Slot
from app.captioning.objects import objects
from app.web.captions import Captions, Detected

MOST = 9
"""As many as page.css can light up. A sentence that points at more leaves the rest as words."""

PLACES = (
    *(_l("top left"), _l("top"), _l("top right")),
    *(_l("left"), _l("middle"), _l("right")),
    *(_l("bottom left"), _l("bottom"), _l("bottom right")),
)
"""The nine fields of a photo, row by row."""


class Mark(NamedTuple):
    number: int
    """From 1, in the order in which the sentences name them."""
    of: int
    """How many there are on this photo."""
    region: Region

    @property
    def name(self) -> str:
        """Of the object's class, in the language of the page."""
        return object_names().get(self.region.name, self.region.name)

    @property
    def place(self) -> LazyString:
        left, top, right, bottom = self.region.box
        return PLACES[3 * _third(top, bottom) + _third(left, right)]

    @property
    def area(self) -> float:
        left, top, right, bottom = self.region.box
        return (right - left) * (bottom - top)


def _third(one: float, other: float) -> int:
    """0, 1 or 2: where the middle between two edges lies."""
    return min(int(1.5 * (one + other)), 2)


def marks(captions: Captions, detected: Detected | None) -> dict[int, Mark]:
    """By region: those that a sentence points at which is seen without opening anything."""
    if not detected:
        return {}
    pointed = {
        slot.region: detected.regions[slot.region]
        for language, (best, *_) in captions.items()
        for said in (best, talk(language, captions, detected))
        for slot in (said.slots if said else ())
    }
    few = list(pointed.items())[:MOST]
    return {index: Mark(number, len(few), region) for number, (index, region) in enumerate(few, 1)}


def talk(language: str, captions: Captions, detected: Detected | None) -> Said | None:
    """What stands below a caption that is but a guess: a sentence of what was detected alone."""
    if not detected or captions[language][0].confidence != "guess":
        return None
    return detected.baby_talk[language]


def pieces(
    text: str, slots: Sequence[Slot], marks: dict[int, Mark]
) -> Iterator[tuple[str, Mark | None]]:
    """A sentence, cut at the words that are marked."""
    at = 0
    for start, end, region in slots:
        if region in marks:
            yield text[at:start], None
            yield text[start:end], marks[region]
            at = end
    yield text[at:], None


def object_names() -> dict[str, str]:
    """Of the classes of objects, in the language of the page, where that is another than theirs."""
    if str(get_locale()) != "zh":
        return {}
    return {name: one.zh for name, one in objects().items()}
