"""What a row looks like in a file, a line each, and what a line of such a file says."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import NamedTuple, Protocol

from app.cli.job import Row

COLUMNS = ("path", "language", "text", "log_probability", "confidence", "error")
CONTROLS = str.maketrans({"\t": r"\t", "\n": r"\n", "\r": r"\r"})
"""File names may hold these; where a line is a record, they are written as two signs."""


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
    head = ",".join(COLUMNS) + "\n"

    def write(self, path: str, row: Row) -> str:
        if "error" in row:
            row = {**row, "error": row["error"]["message"]}
        line = StringIO()
        # A table has no room for what a caption points at.
        writer = csv.DictWriter(line, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writerow({"path": path.translate(CONTROLS), **row})
        return line.getvalue()

    def read(self, line: str) -> Line:
        ((path, language, *_, error),) = csv.reader([line])
        return Line(path, language, failed=bool(error))


FORMATS: dict[str, type[Format]] = {"text": Text, "jsonl": JsonLines, "csv": Csv}
