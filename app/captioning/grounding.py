"""Captions whose words point at what was detected on the photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Box(NamedTuple):
    """Edges as shares of the photo's width and height, 0 to 1, from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Region:
    """An object that was detected."""

    box: Box
    name: str
    """Its class, one of COCO's, such as "dog"."""
    score: float
    """How sure the detector is of it, 0 to 1."""


class Slot(NamedTuple):
    """A visual word: a piece of a caption's text that names a region."""

    start: int
    """Of its first character in the text."""
    end: int
    """After its last one."""
    region: int
    """Its place among the photo's regions."""


def article(following: str) -> str:
    """ "a" or "an", as an English word, such as "umbrella" or "ewe", wants it before it."""
    vowel = following.startswith(("a", "e", "i", "o", "um")) and not following.startswith("ew")
    return "an" if vowel else "a"


def with_articles(words: Sequence[str], regions: Sequence[int | None]) -> tuple[str, ...]:
    """English words with "a" or "an" as the visual word after it wants: a template says one before
    it knows what comes."""
    following = zip([*words[1:], ""], [*regions[1:], None], strict=True)
    return tuple(
        article(after) if word in ("a", "an") and region is not None else word
        for word, (after, region) in zip(words, following, strict=True)
    )


def find_slots(text: str, words: Sequence[str], regions: Sequence[int | None]) -> tuple[Slot, ...]:
    """Where the visual words stand in a sentence.

    Args:
        text: what app.captioning.vocabulary.sentence() made of the words.
        words: in order.
        regions: for each word the region that it names, or None.
    """
    slots, at, lower = [], 0, text.lower()
    for word, region in zip(words, regions, strict=True):
        start = lower.find(word.lower(), at)
        if start < 0:
            continue
        at = start + len(word)
        if region is not None:
            slots.append(Slot(start, at, region))
    return tuple(slots)


def template(text: str, slots: Sequence[Slot]) -> str:
    """The sentence with its visual words left open: "A <region-0> runs." (Lu et al. 2018)."""
    pieces, at = [], 0
    for slot in slots:
        pieces += [text[at : slot.start], f"<region-{slot.region}>"]
        at = slot.end
    return "".join([*pieces, text[at:]])
