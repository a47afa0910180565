"""Files that are never half written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """As np.savez, but the file appears only when it is whole."""
    with _half(path) as half, half.open("wb") as file:
        np.savez(file, **arrays)


def save_json(path: Path, value: Any) -> None:
    """As JSON that a person can read."""
    save_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def edited_json(path: Path) -> Iterator[Any]:
    """What a JSON file holds, to be changed; saved unless an error ends it."""
    value = json.loads(path.read_text(encoding="utf-8"))
    yield value
    save_json(path, value)


def save_copy(source: Path, path: Path) -> None:
    """As shutil.copy, but the file appears only when it is whole."""
    with _half(path) as half:
        shutil.copy(source, half)


def save_text(path: Path, text: str) -> None:
    """The file appears only when it is whole."""
    with _half(path) as half:
        half.write_text(text, encoding="utf-8")


@contextmanager
def _half(path: Path) -> Iterator[Path]:
    """Where a file is written that takes the place of path unless an error ends it."""
    half = path.with_name(f"{path.name}.half")
    yield half
    os.replace(half, path)
