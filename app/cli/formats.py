"""What a row looks like in a file, a line each, and what a line of such a file says."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Any, NamedTuple, Protocol

from app.cli.job import Row

COLUMNS = ("path", "language", "text", "log_probability", "confidence", "error")
CONTROLS = str.maketrans({"\t": r"\t", "\n": r"\n", "\r": r"\r"})
"""File names may hold these; where a line is a record, they are written as two signs."""


FORMULAS = tuple("=+-@＝＋－＠'")


class Line(NamedTuple):
    path: str
    language: str
    failed: bool


class Format(Protocol):
    head: str

    def write(self, path: str, row: Row) -> str:
        """A line, or none."""

    def read(self, line: str) -> Line:
        """Raises ValueError, KeyError or TypeError where it is not one of ours."""


class Text:
    """Errors are only told on the standard error."""

    head = ""

    def write(self, path: str, row: Row) -> str:
        if "error" in row:
            return ""
        return f"{path.translate(CONTROLS)}\t{row['language']}\t{row['text']}\n"

    def read(self, line: str) -> Line:
        path, language, _ = line.split("\t")
        return Line(path, language, failed=False)


class JsonLines:
    head = ""

    def write(self, path: str, row: Row) -> str:
        return json.dumps({"path": path, **row}, ensure_ascii=False) + "\n"

    def read(self, line: str) -> Line:
        row = json.loads(line)
        return Line(row["path"].translate(CONTROLS), row["language"], "error" in row)


class Csv:
    """With a byte order mark, or else Excel takes Chinese for Latin."""

    head = "\ufeff" + ",".join(COLUMNS) + "\n"

    def write(self, path: str, row: Row) -> str:
        if "error" in row:
            row = {**row, "error": row["error"]["message"]}
        line = StringIO()
        # A table has no room for what a caption points at.
        writer = csv.DictWriter(line, COLUMNS, extrasaction="ignore", lineterminator="\n")
        row = {"path": path.translate(CONTROLS), **row}
        writer.writerow({key: _guarded(value) for key, value in row.items()})
        return line.getvalue()

    def read(self, line: str) -> Line:
        ((path, language, *_, error),) = csv.reader([line])
        return Line(path.removeprefix("'"), language, failed=bool(error))


def _guarded(value: Any) -> Any:
    """A spreadsheet would run a text that begins like a formula. What begins with the apostrophe
    that stops it gets one more, so that the first can always be taken off."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


FORMATS: dict[str, type[Format]] = {"text": Text, "jsonl": JsonLines, "csv": Csv}
