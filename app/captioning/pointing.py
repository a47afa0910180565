"""Which detected objects a caption names, where its decoder chose among words alone.

A decoder that points (visual_words.py) says which region it means. Of any other caption the words
are compared with what each class is called by: no training, and no say in what is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache

from app.captioning import objects
from app.captioning.grounding import Region
from app.captioning.vocabulary import Vocabulary

Named = tuple[str, str | None]
"""A word, or the words of a name, and the class that they name."""

LONGEST = 3
"""Words of a name at most: a vocabulary has "fire" and "hydrant", "甜甜" and "圈"."""


def point(
    words: Sequence[str], regions: Sequence[Region], language: str
) -> tuple[list[str], list[int | None]]:
    """A caption's words, those of one name together, and for each the region that it names: the
    surest of its class that no word before it names, if there is one.

    Args:
        words: as the vocabulary has them.
        regions: what was detected, the surest first.
        language: "en" or "zh".
    """
    if not regions:
        return [*words], [None] * len(words)
    found: list[str] = []
    meant: list[int | None] = []
    named = [*_named(words, language)]
    for word, kind in _compounds(named) if language == "en" else named:
        fitting = (nth for nth, one in enumerate(regions) if one.name == kind and nth not in meant)
        found.append(word)
        meant.append(next(fitting, None))
    return found, meant


def _compounds(named: Sequence[Named]) -> list[Named]:
    """Of names that follow on each other the last is what is meant: a baby elephant is no baby, and
    a jet plane is one thing."""
    found: list[Named] = []
    for word, kind in named:
        before, kind_before = found[-1] if found else ("", None)
        if kind and kind == kind_before:
            found[-1] = (f"{before} {word}", kind)
            continue
        if kind and kind_before:
            found[-1] = (before, None)
        found.append((word, kind))
    return found


def saying(name: str, vocabulary: Vocabulary, language: str) -> Collection[int]:
    """The ids of words that say an object of a class. Where the vocabulary has no name of it as one
    word, these are the last words of its names: a "sign" for a stop sign."""
    names, known = objects.words(language)[name], set(vocabulary.words)
    whole = [one for one in names if one in known]
    return frozenset(vocabulary.encode(whole or _endings(names, known)))


def _endings(names: Sequence[str], known: Collection[str]) -> Iterator[str]:
    for one in names:
        last = one.split()[-1]
        ends = (last[at:] for at in range(len(last))) if not last.isascii() else [last]
        yield from [end for end in ends if end in known][:1]


def _named(words: Sequence[str], language: str) -> Iterator[Named]:
    """The words, those of a name together, and the class that each names. The longest name counts:
    no dog is in a hot dog."""
    kinds, space = _kinds(language), " " if language == "en" else ""
    at = 0
    while at < len(words):
        names = (
            (space.join(words[at : at + length]), length)
            for length in range(min(LONGEST, len(words) - at), 0, -1)
        )
        name, length = next((one for one in names if one[0] in kinds), (words[at], 1))
        yield name, kinds.get(name)
        at += length


@cache
def _kinds(language: str) -> dict[str, str]:
    """The class of each name."""
    return {name: kind for kind, names in objects.words(language).items() for name in names}
