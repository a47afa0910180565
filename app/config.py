"""Every setting, once: its variable, meaning, default and what is allowed.

A setting comes from the environment variable `KANTU_` + its name in capitals. All are optional.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from app.captioning import engines

ROOT = Path(__file__).parents[1]
ENGINES = ("auto", *engines.ENGINES)
LARGEST_BEAM = 10
MiB = 1024 * 1024


class SettingError(Exception):
    """A setting is wrong. str() is a sentence for the person who runs the server."""


def model_folder(text: str) -> Path:
    """A checkpoint's folder: a bare name stands in model_assets/, anything else is a path."""
    return ROOT / "model_assets" / text if text == Path(text).name else Path(text)


def _model_folders(text: str) -> tuple[Path, ...]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError("names or paths of checkpoint folders, separated by commas, each once")
    return tuple(model_folder(name) for name in names)


def _engine(text: str) -> str:
    if text not in ENGINES:
        raise ValueError(f"one of {', '.join(ENGINES)}")
    return text


def whole_number(text: str, least: int, most: int) -> int | None:
    """The number, or None where it is not one or out of range."""
    # Few digits and nothing else: int() would take "1_000" and "１０", and choke on 5,000 digits.
    if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    return None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = whole_number(text, least, most)
        if number is None:
            raise ValueError(f"a whole number from {least} to {most}")
        return number

    return read


def _setting(default: str, read: Callable[[str], Any]) -> Any:
    return field(default=read(default), metadata={"read": read})


@dataclass(frozen=True)
class Settings:
    engine: str = _setting("auto", _engine)
    """What runs the model: litert (little memory), tensorflow, or auto: litert where it is
    installed."""

    models: tuple[Path, ...] = _setting("kantu-1", _model_folders)
    """The checkpoints to load, separated by commas: names in model_assets/ or paths. The first is
    used where a request names none."""

    max_bytes: int = _setting(str(10 * MiB), _whole(1, 256 * MiB))
    """The largest photo file, in bytes."""

    max_pixels: int = _setting("50000000", _whole(1, 500_000_000))
    """The largest photo, width times height."""

    max_photos: int = _setting("8", _whole(1, 100))
    """The most photos in one request to the API."""

    queue: int = _setting("16", _whole(0, 1000))
    """How many requests may wait while one is at work; more get 503."""

    beam_width: int = _setting("3", _whole(1, LARGEST_BEAM))
    """How many captions the beam search follows, where a request does not say."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Raises SettingError. An empty variable counts as one not set."""
        values = {}
        for one in fields(cls):
            variable = f"KANTU_{one.name.upper()}"
            text = environment.get(variable, "").strip()
            if not text:
                continue
            try:
                values[one.name] = one.metadata["read"](text)
            except ValueError as error:
                message = f"{variable} is {text!r}, but must be {error}."
                raise SettingError(message) from None
        return cls(**values)
