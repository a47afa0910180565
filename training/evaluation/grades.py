"""Adds up the grades that captions were given by looking (training.evaluation.look)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Set
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any

from training.evaluation.look import GRADES, ID, KEY

BEST = 2

Graded = Mapping[str, Mapping[str, str]]
"""The rows of one model's captions in one language, by the number of the photo."""


def add_up(folder: Path) -> dict[str, Any]:
    """For each language, `models`: of each model how many captions have grade 2, 1 and 0, and what
    is wrong with those below 2; and `pairs`: of how many photos one is better, or the other.

    Args:
        folder: where look() wrote, its table graded.

    Raises:
        FileNotFoundError: there is no table, or no key to it.
        ValueError: a caption has no grade, or another than 0, 1 or 2; a row or a column is missing.
    """
    graded = {_id(row): row for row in _read(folder / GRADES, {*ID, "grade", "wrong"})}
    for row in graded.values():
        if row["grade"] not in ("0", "1", "2"):
            raise ValueError(
                f"{folder / GRADES}: the grade of caption {row['letter']} ({row['language']}) of "
                f"photo {row['number']} is {row['grade']!r}, and not 0, 1 or 2"
            )
    models: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for row in _read(folder / KEY, {*ID, "model"}):
        if _id(row) not in graded:
            raise ValueError(f"{folder / GRADES} lacks a caption of photo {row['number']}")
        of_language = models.setdefault(row["language"], {})
        of_language.setdefault(row["model"], {})[row["number"]] = graded[_id(row)]
    return {
        language: {
            "models": {name: _tally(rows) for name, rows in sorted(of_language.items())},
            "pairs": [
                {
                    one: _better(of_language[one], of_language[other]),
                    other: _better(of_language[other], of_language[one]),
                }
                for one, other in combinations(sorted(of_language), 2)
            ],
        }
        for language, of_language in models.items()
    }


def _tally(graded: Graded) -> dict[str, Any]:
    grades = Counter(int(row["grade"]) for row in graded.values())
    wrong = Counter(
        row["wrong"].strip().lower() for row in graded.values() if int(row["grade"]) < BEST
    )
    wrong.pop("", None)
    return {
        **{str(grade): grades[grade] for grade in (2, 1, 0)},
        "wrong": dict(wrong.most_common()),
    }


def _better(ours: Graded, others: Graded) -> int:
    """Photos of which ours is the better caption."""
    return sum(
        ours[number]["grade"] > others[number]["grade"] for number in ours if number in others
    )


def _id(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[field] for field in ID)


def _read(path: Path, columns: Set[str]) -> list[dict[str, str]]:
    """The rows of a table, as a spreadsheet may have saved it: with a byte order mark before it, or
    semicolons between its columns."""
    text = path.read_text(encoding="utf-8-sig")
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    rows = csv.DictReader(StringIO(text, newline=""), delimiter=delimiter)
    if missing := columns - {*(rows.fieldnames or ())}:
        raise ValueError(f"{path} has no column {', '.join(sorted(missing))}")
    return list(rows)
