"""Captions beside the photos: PHOTO.jpg.xmp for PHOTO.jpg."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app.cli.job import Result
from app.cli.output import OutputError, replace_file
from app.cli.xmp import EMPTY, Sidecar


class Sidecars:
    """Each is written as a whole and at once, so none is ever found half done. One that has texts
    in the languages asked for is done, whoever wrote them."""

    def missing(self, path: Path, languages: Sequence[str]) -> tuple[str, ...]:
        return _read(_beside(path)).missing(languages)

    def put(self, result: Result) -> None:
        if result.error:
            return
        sidecar = _beside(result.path)
        texts = {row["language"]: row["text"] for row in result.rows}
        # Read once more: another program may have written it since.
        there = _read(sidecar)
        try:
            data = there.with_captions(texts)
        except ValueError as error:
            raise _left_alone(sidecar, error) from None
        _write(sidecar, data)

    def close(self) -> None:
        pass


def _beside(photo: Path) -> Path:
    """Not PHOTO.xmp: that belongs to a raw file of the same name. Beside a link, not beside what it
    leads to, which may be another program's store; but a sidecar may be a link itself."""
    return Path(os.path.realpath(f"{photo}.xmp"))


def _read(path: Path) -> Sidecar:
    try:
        return Sidecar(path.read_bytes() if path.exists() else EMPTY)
    except OSError as error:
        raise OutputError(f"{path.name} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise _left_alone(path, error) from None


def _left_alone(path: Path, error: ValueError) -> OutputError:
    return OutputError(f"{path.name} {error}; it was left as it is.")


def _write(path: Path, data: bytes) -> None:
    # A name of this process's own: two runs may be at the same photo.
    new = Path(f"{path}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        replace_file(path, new)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise OutputError(f"{path.name} cannot be written: {error.strerror}.") from None
