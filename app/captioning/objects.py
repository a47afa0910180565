"""What detectors find: COCO's 80 classes, and the words that captions call them by."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("objects.json")


@dataclass(frozen=True)
class ObjectClass:
    id: int
    """COCO's, 1 to 90: ten are not in use."""
    name: str
    """COCO's, such as "dog"."""
    plural: str
    zh: str
    """Its name in Chinese, such as "狗"."""
    measure: str
    """What Chinese counts it by: the "只" of "一只狗"."""
    en: tuple[tuple[str, str], ...]
    """Its visual words as (singular, plural), the class's own first. Those of several words have
    spaces: ("teddy bear", "teddy bears")."""
    zh_words: tuple[str, ...]
    """Its visual words in Chinese, the class's own first."""


@cache
def objects() -> dict[str, ObjectClass]:
    """The classes by name, in the order of their ids. Read when first asked for."""
    return {entry["name"]: _object(entry) for entry in json.loads(_FILE.read_text("utf-8"))}


def words(language: str) -> dict[str, list[str]]:
    """The visual words of each class, in the order of objects(), each once.

    Args:
        language: "en": singulars and plurals in turn, where they differ; or "zh".

    Raises:
        ValueError: for any other language.
    """
    if language == "en":
        return {
            name: list(dict.fromkeys(form for pair in known.en for form in pair))
            for name, known in objects().items()
        }
    if language == "zh":
        return {name: list(known.zh_words) for name, known in objects().items()}
    raise ValueError(f"no visual words for the language {language!r}: use en or zh")


def _object(entry: dict) -> ObjectClass:
    pairs = tuple((singular, plural) for singular, plural in entry["en"])
    return ObjectClass(**{**entry, "en": pairs, "zh_words": tuple(entry["zh_words"])})
