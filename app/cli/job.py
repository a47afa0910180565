"""One photo's captions: what is done to each, in whichever process, on whichever machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from app.captioning.captioner import Encoding
from app.captioning.checkpoint import CheckpointError
from app.grounded import regions_json, slots_json
from app.mentions import BadMention, check_mention
from app.models import Load
from app.photos import read_photo
from app.photos.errors import PhotoError
from app.photos.kinds import available

Row = dict[str, Any]
"""A language's caption of a photo, or the error that the photo met."""


@dataclass(frozen=True)
class Job:
    """How photos are captioned. It travels to other processes and machines."""

    folder: Path
    """The checkpoint's."""
    engine: str
    beam_width: int
    max_bytes: int
    max_pixels: int
    load: Load
    mention: tuple[str, ...] = ()
    """Objects that each caption has to name."""


class Task(NamedTuple):
    path: Path
    languages: tuple[str, ...]


class Result(NamedTuple):
    path: Path
    rows: list[Row]

    @property
    def error(self) -> str | None:
        """Why there is no caption: the photo's fault, so it is the same in every language."""
        return next((row["error"]["message"] for row in self.rows if "error" in row), None)


class Executor(Protocol):
    """What captions the photos: this process, several, or a cluster."""

    name: str
    """The checkpoint's."""
    languages: tuple[str, ...]

    def results(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """One for each task, as it is done."""

    def close(self) -> None: ...


class Worker:
    """A loaded model at work."""

    def __init__(self, job: Job):
        """Raises CheckpointError, also where the model cannot mention what it has to."""
        self._job = job
        self.captioner = job.load(job.folder, job.engine)
        try:
            check_mention(job.mention, self.captioner.name, self.captioner.objects)
        except BadMention as error:
            raise CheckpointError(str(error)) from None

    def work(self, task: Task) -> list[Row]:
        """A row for each language. Whatever is wrong with the photo is in them."""
        try:
            data = read(task.path, self._job.max_bytes)
        except OSError as error:
            return unreadable(task.languages, error)
        return self.caption(data, task.languages)

    def caption(self, data: bytes, languages: Sequence[str]) -> list[Row]:
        """The same, of a photo that was read."""
        try:
            return self._captions(data, languages)
        except PhotoError as error:
            return failed(languages, error.code, str(error))
        except Exception as error:  # one photo must not stop ten thousand
            message = f"Kantu failed at this photo ({type(error).__name__}: {error})."
            return failed(languages, "internal_error", message)

    def _captions(self, data: bytes, languages: Sequence[str]) -> list[Row]:
        photo = read_photo(data, self._job.max_bytes, self._job.max_pixels, available())
        encoding = self.captioner.encode(photo)
        return [self._row(encoding, language) for language in languages]

    def _row(self, encoding: Encoding, language: str) -> Row:
        job = self._job
        best, *_ = self.captioner.decode(encoding, language, job.beam_width, job.mention)
        row: Row = {
            "language": language,
            "text": best.text,
            "log_probability": best.log_probability,
        }
        if best.confidence:
            row["confidence"] = best.confidence
        if best.perhaps:
            row["perhaps"] = list(best.perhaps)
        if self.captioner.objects:
            row["template"] = best.template
            row["slots"] = slots_json(best.text, best.slots)
            row["regions"] = regions_json(encoding.regions)
        return row


class SerialExecutor:
    """This process alone."""

    def __init__(self, job: Job):
        """Raises CheckpointError."""
        self._worker = Worker(job)
        self.name = self._worker.captioner.name
        self.languages = self._worker.captioner.languages

    def results(self, tasks: Sequence[Task]) -> Iterator[Result]:
        for task in tasks:
            yield Result(task.path, self._worker.work(task))

    def close(self) -> None:
        pass


def read(path: Path, max_bytes: int) -> bytes:
    """Raises OSError."""
    with path.open("rb") as file:
        # One byte more than allowed is enough to see that it is too large.
        return file.read(max_bytes + 1)


def failed(languages: Sequence[str], code: str, message: str) -> list[Row]:
    error = {"code": code, "message": message}
    return [{"language": language, "error": error} for language in languages]


def unreadable(languages: Sequence[str], error: OSError) -> list[Row]:
    return failed(languages, "unreadable", error.strerror or str(error))


def name(path: Path) -> str:
    """A path as text. Bytes that are no UTF-8, as in old archives, are written as \\xb2: two files
    must not get the same name."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
