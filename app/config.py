"""Every setting, once: its variable, meaning, default and what is allowed.

A setting comes from the environment variable `KANTU_` + its name in capitals. All are optional.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from app.captioning import engines
from app.photos.kinds import JPEG, KINDS, Kind, available

ROOT = Path(__file__).parents[1]
ENGINES = ("auto", *engines.ENGINES)
LARGEST_BEAM = 10
MiB = 1024 * 1024


SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds."""

    most: int
    seconds: int
    except_local: bool
    """Whether those from this machine itself go uncounted."""


class Formats(NamedTuple):
    """The kinds of photos that are taken."""

    own: tuple[Kind, ...]
    """By the page and the API."""
    doors: tuple[Kind, ...]
    """By the addresses that other programs' clients know."""


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


def _port(text: str) -> int | None:
    number = whole_number(text, 1, 65_535)
    if number is None and text != "off":
        raise ValueError("a port from 1 to 65535, or off")
    return number


def _rate(text: str) -> Rate | None:
    if text == "off":
        return None
    parts = re.fullmatch(
        rf"([1-9][0-9]{{0,5}})/({'|'.join(SECONDS)})( except local)?", text, re.ASCII
    )
    if not parts:
        raise ValueError(
            "so many requests in a second, minute, hour or day, such as 30/minute or "
            "30/minute except local, or off"
        )
    return Rate(int(parts[1]), SECONDS[parts[2]], except_local=bool(parts[3]))


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("on or off")
    return text == "on"


def _token(text: str) -> str:
    # What a header and a cookie carry unchanged.
    if not re.fullmatch(r"[\w.~+/=-]{0,200}", text, re.ASCII):
        raise ValueError("at most 200 of the letters A to Z and a to z, digits and . _ ~ + / = -")
    return text


def _origins(text: str) -> tuple[str, ...]:
    if text in ("off", "*"):
        return ("*",) if text == "*" else ()
    origins = tuple(origin.strip() for origin in text.split(","))
    # As browsers write them: in lower case, with no path, not even a slash.
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[a-z0-9._:\[\]-]+", one) for one in origins):
        raise ValueError(
            "origins such as https://blog.example.com, separated by commas, * for every site, "
            "or off"
        )
    return origins


def _formats(text: str) -> Formats:
    if text == "auto":
        return Formats(JPEG, tuple(KINDS[name] for name in ("jpeg", "png", "webp")))
    names = [name.strip().lower() for name in text.split(",")]
    if not set(names) <= set(KINDS) or len(set(names)) < len(names):
        raise ValueError(f"auto, or some of {', '.join(KINDS)}, separated by commas, each once")
    kinds = tuple(KINDS[name] for name in names)
    missing = [name for name in names if KINDS[name] not in available()]
    if missing:
        heic = missing[0] == "heic"
        needed = "pip install -r requirements-heic.txt" if heic else "another Pillow"
        raise ValueError(f"what can be read here, and {missing[0]} needs: {needed}")
    return Formats(kinds, kinds)


def _setting(default: str, read: Callable[[str], Any]) -> Any:
    return field(default=read(default), metadata={"read": read})


@dataclass(frozen=True)
class Settings:
    engine: str = _setting("auto", _engine)
    """What runs the model: litert (little memory), tensorflow, or auto: litert where it is
    installed."""

    models: tuple[Path, ...] = _setting("kantu-2", _model_folders)
    """The checkpoints to load, separated by commas: names in model_assets/ or paths. The first is
    used where a request names none."""

    pointing: bool = _setting("off", _switch)
    """Whether objects are detected too, so that words point at what they name, and captions can be
    told what to mention. Takes 30 MB, and half as much time again."""

    max_bytes: int = _setting(str(10 * MiB), _whole(1, 256 * MiB))
    """The largest photo file, in bytes."""

    max_pixels: int = _setting("50000000", _whole(1, 500_000_000))
    """The largest JPEG, width times height. Of other kinds, which need more memory, fewer."""

    formats: Formats = _setting("auto", _formats)
    """The kinds of photos that are taken: jpeg, png, webp, avif, heic, separated by commas. auto is
    jpeg, and at other programs' addresses png and webp too. heic needs requirements-heic.txt."""

    max_photos: int = _setting("8", _whole(1, 100))
    """The most photos in one request to the API."""

    queue: int = _setting("60", _whole(0, 100))
    """The longest that a request may have to wait for its turn, in seconds, by the pace of the last
    ones; who would wait longer gets 503."""

    beam_width: int = _setting("3", _whole(1, LARGEST_BEAM))
    """How many captions the beam search follows, where a request does not say."""

    rate_limit: Rate | None = _setting("30/minute except local", _rate)
    """How many requests for captions one address may send; more get 429. "except local" spares
    this machine itself, so that a script beside the server can caption a whole folder."""

    token: str = _setting("", _token)
    """What a visitor must know to use the server; where there is none, it is open to all."""

    cors: tuple[str, ...] = _setting("off", _origins)
    """The sites whose pages may use the API from a browser: their origins, or * for every site."""

    proxies: int = _setting("0", _whole(0, 10))
    """How many reverse proxies every request comes through. They say from which address, by which
    protocol and under which id; where there are none, whoever says so is not believed."""

    log: bool = _setting("on", _switch)
    """Whether each request gets a line on the standard error. Faults always get one."""

    metrics_port: int | None = _setting("off", _port)
    """Where this machine alone may read /metrics, in Prometheus' format."""

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
