"""How far a run is, on the standard error: a line that changes, or now and then another line."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Protocol

import click
from tqdm import tqdm

from app.cli.job import name

FEW = 10
"""Photos that get a line each, where lines stay. After them one comes now and then."""

SECONDS = 10


class Progress(Protocol):
    def done(self, path: Path) -> None: ...

    def say(self, message: str) -> None:
        """A line of its own."""

    def close(self) -> None: ...


def progress(total: int, before: int) -> Progress:
    """Of so many photos, of which some were done before."""
    kind = Bar if sys.stderr.isatty() else Lines
    return kind(total, before)


class Bar:
    """For a terminal: rate and remaining time in a line that changes."""

    def __init__(self, total: int, before: int):
        self._bar = tqdm(
            total=total, initial=before, unit=" photos", dynamic_ncols=True, file=sys.stderr
        )

    def done(self, path: Path) -> None:
        self._bar.update()

    def say(self, message: str) -> None:
        tqdm.write(message, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()


class Lines:
    """For a file or a pipe, where ten thousand lines would help nobody."""

    def __init__(self, total: int, before: int):
        self._total, self._before, self._done = total, before, before
        self._began = self._said = 0.0

    def done(self, path: Path) -> None:
        self._done += 1
        now = time.monotonic()
        new = self._done - self._before
        if new == 1:  # what came before it was the model's loading
            self._began = now
        if new <= FEW or now - self._said >= SECONDS or self._done == self._total:
            self._said = now
            self.say(f"[{self._done}/{self._total}] {name(path)}{self._speed(new, now)}")

    def say(self, message: str) -> None:
        click.echo(message, err=True)

    def close(self) -> None:
        pass

    def _speed(self, new: int, now: float) -> str:
        if new <= FEW:
            return ""
        rate = (new - 1) / max(now - self._began, 1e-9)
        left = tqdm.format_interval((self._total - self._done) / rate)
        return f" ({rate:.1f} photos/s, {left} left)"
