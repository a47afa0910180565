"""Where results go: the standard output, or a file that a second run goes on with."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Protocol, TextIO

import click

from app.cli.formats import CONTROLS, FORMATS, Format
from app.cli.job import Result, name

COMPANION = ".kantu"
"""Added to a file's name: the file beside it that says how it was made."""

SYNC_SECONDS = 1
"""How long results may be the kernel's alone. What a kill leaves is whole; of a power cut's last
second the photos are done again."""

MEANT = {
    "format": "in the format {0}",
    "model": "by the model {0}",
    "model_sha256": "by another version of the model",
    "beam_width": "with --beam-width {0}",
    "folder": "in the folder {0}, to which its paths are relative",
    "mention": "to mention {0}",
    "pointing": "with KANTU_POINTING={0}",
}
"""What a companion holds, and how it is said."""

UNSAID = {"mention": "nothing in particular", "pointing": "off"}
"""What it means where a companion does not hold it."""

OTHER = "Choose another --output."
"""What to do about most that is wrong with a file."""


class OutputError(Exception):
    """One photo's result has no place. str() is a sentence."""


class Output(Protocol):
    def missing(self, path: Path, languages: Sequence[str]) -> tuple[str, ...]:
        """The languages whose captions are not there. Raises OutputError."""

    def put(self, result: Result) -> None:
        """Raises OutputError."""

    def close(self) -> None: ...


class StandardOutput:
    def __init__(self, form: str):
        self._format: Format = FORMATS[form]()
        head = self._format.head
        click.echo(head if _is_utf8(sys.stdout) else head.removeprefix("\ufeff"), nl=False)

    def missing(self, path: Path, languages: Sequence[str]) -> tuple[str, ...]:
        return tuple(languages)

    def put(self, result: Result) -> None:
        click.echo(_lines(self._format, result), nl=False)
        sys.stdout.flush()

    def close(self) -> None:
        pass


class ResultsFile:
    """Holds each photo and language once.

    A run begins by writing the file anew, without the photos that failed and without the half line
    that a kill has left, so that these are done again. From there on it grows by whole photos.
    Beside it, in a companion, stands how it was made; the companion is locked while a run writes.
    """

    def __init__(self, path: Path, form: str, made: Mapping[str, Any]):
        """Raises click.ClickException: the file is another's, or in use, or cannot be written."""
        self._path = Path(os.path.realpath(path))
        if os.path.exists(path) and not os.path.isfile(self._path):
            advice = "Leave --output out, and the captions go to the standard output."
            raise self._refused("is not a file that can be gone on with", advice)
        self._format: Format = FORMATS[form]()
        self._done: set[tuple[str, str]] = set()
        try:
            with ExitStack() as files:
                path = Path(f"{self._path}{COMPANION}")
                companion = files.enter_context(path.open("a+", encoding="utf-8"))
                self._own(companion, {"format": form, **made})
                self._file = files.enter_context(self._reopened())
                self._files = files.pop_all()
        except OSError as error:
            raise self._unwritable(error) from None
        self._synced = time.monotonic()

    def missing(self, path: Path, languages: Sequence[str]) -> tuple[str, ...]:
        key = _key(name(path).translate(CONTROLS))
        return tuple(one for one in languages if (key, one) not in self._done)

    def put(self, result: Result) -> None:
        try:
            _write_all(self._file, _lines(self._format, result))
            if time.monotonic() - self._synced > SYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise self._unwritable(error) from None

    def close(self) -> None:
        with suppress(OSError):
            os.fsync(self._file.fileno())
        self._files.close()

    def _own(self, companion: IO[str], made: Mapping[str, Any]) -> None:
        """Locks the companion, and writes it where there are no results yet."""
        try:
            fcntl.flock(companion, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            advice = "Wait for it, or choose another --output."
            raise self._refused("is being written by another run", advice) from None
        companion.seek(0)
        text = companion.read()
        if not self._path.exists() or not self._path.stat().st_size:
            companion.truncate(0)
            companion.write(json.dumps(made, ensure_ascii=False, indent=1) + "\n")
            companion.flush()
            os.fsync(companion.fileno())
        elif text:
            self._compare(text, made)
        else:
            os.unlink(companion.name)
            raise self._refused("is there already, and was not made by this command")

    def _compare(self, text: str, made: Mapping[str, Any]) -> None:
        try:
            before, now = UNSAID | json.loads(text), UNSAID | dict(made)
            different = [key for key in MEANT if before[key] != now[key]]
        except (ValueError, KeyError, TypeError):
            raise self._refused(f"has a damaged {COMPANION} file beside it") from None
        if different:
            how = " and ".join(MEANT[key].format(before[key]) for key in different)
            raise self._refused(f"was made {how}")

    def _reopened(self) -> IO[bytes]:
        """What is worth keeping, in a new file in the place of the old one."""
        copy = Path(f"{self._path}{COMPANION}-new")
        try:
            with copy.open("wb") as file:
                file.write(self._format.head.encode())
                for line in self._kept():
                    file.write(line)
                file.flush()
                os.fsync(file.fileno())
            replace_file(self._path, copy)
        finally:
            copy.unlink(missing_ok=True)  # there only where something went wrong
        return self._path.open("ab", buffering=0)

    def _kept(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                whole = line.endswith(b"\n")
                if whole and line != self._format.head.encode() and self._keep(line, number):
                    yield line

    def _keep(self, line: bytes, number: int) -> bool:
        try:
            path, language, failed = self._format.read(line.decode().removesuffix("\n"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._refused(f"has a line, the {number}., that is not Kantu's") from None
        if not failed:
            self._done.add((_key(path), language))
        return not failed

    def _refused(self, why: str, advice: str = OTHER) -> click.ClickException:
        return click.ClickException(f"{click.format_filename(self._path)} {why}. {advice}")

    def _unwritable(self, error: OSError) -> click.ClickException:
        if os.path.exists(self._path):
            advice = "What is in it stays; the same command goes on from there."
        elif isinstance(error, FileNotFoundError):
            advice = "Make its folder first, or choose another --output."
        else:
            advice = OTHER
        return self._refused(f"cannot be written: {error.strerror}", advice)


def _is_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"


def replace_file(path: Path, new: Path) -> None:
    """Puts a new file in the place of another, whose mode and, where it may, owner it takes over.
    Raises OSError."""
    if path.exists():
        shutil.copymode(path, new)
        owner = path.stat()
        with suppress(OSError):  # only root gives files away, and not to everybody
            os.chown(new, owner.st_uid, owner.st_gid)
    os.replace(new, path)


def _lines(form: Format, result: Result) -> str:
    path = name(result.path)
    return "".join(form.write(path, row) for row in result.rows)


def _key(path: str) -> str:
    """The same for all the ways to write a path."""
    return os.path.abspath(path)


def _write_all(file: IO[bytes], text: str) -> None:
    """With nothing in between, where the disk has room: a kill finds all of it written, or none."""
    data = text.encode()
    while data:
        data = data[file.write(data) :]
