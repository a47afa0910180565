"""What `flask caption` does: photos in, captions out, from where the last run stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from app.captioning.checkpoint import MANIFEST, CheckpointError, sha256
from app.cli.job import Executor, Job, Result, SerialExecutor, Task, name
from app.cli.output import Output, OutputError, ResultsFile, StandardOutput
from app.cli.progress import Progress, progress
from app.config import Settings, model_folder
from app.mentions import split_mention
from app.models import Load
from app.photos.kinds import available, suffixes

STORES = frozenset({"@eaDir", "#recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found"})
"""Folders in which systems keep what looks like photos, beside those that begin with a dot."""
BY_SUFFIX = {".jsonl": "jsonl", ".csv": "csv"}
"""The format that an output's name asks for."""


@dataclass(frozen=True)
class Options:
    """Those of the command, None where they are not given."""

    paths: tuple[Path, ...]
    language: str
    model: str | None
    beam_width: int | None
    mention: str
    engine: str | None
    form: str | None
    output: Path | None
    jobs: int | None
    cluster: str | None


def run(options: Options, settings: Settings, load: Load) -> int:
    """Captions what is not done yet, and says on the standard error how it goes.

    Returns:
        How many photos failed, and folders that could not be read.

    Raises:
        click.ClickException: with a sentence that says what to do.
    """
    _say_everything()
    photos, unread = _photos(options.paths)
    for error in unread:
        why = f"This folder cannot be read ({error.strerror}). Its photos are left out."
        click.echo(f"{name(Path(error.filename))}: {why}", err=True)
    job = _job(options, settings, load)
    form = _form(options)
    try:
        with closing(_executor(job, options)) as executor:
            languages = _languages(options.language, executor)
            with closing(_output(form, options, job, settings, executor.name)) as output:
                failed = _caption(photos, executor, languages, output)
    except CheckpointError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        if options.output or form == "xmp":
            click.echo("\nStopped. The same command goes on from here.", err=True)
        raise
    if unread:  # once more, for among ten thousand photos the first line is out of sight
        click.echo(f"{len(unread)} of the folders could not be read.", err=True)
    return failed + len(unread)


def _say_everything() -> None:
    """A sign that a terminal's encoding does not have is written as its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _photos(paths: Sequence[Path]) -> tuple[list[Path], list[OSError]]:
    """Each once, as they are given, and those of a folder by name; and what is wrong with the
    folders that cannot be read."""
    found: dict[str, Path] = {}
    unread: dict[str, OSError] = {}
    for path in paths:
        errors: list[OSError] = []
        for photo in _inside(path, errors) if path.is_dir() else [path]:
            found.setdefault(os.path.abspath(photo), photo)
        for error in errors:
            unread.setdefault(os.path.abspath(error.filename), error)
    if not found and not unread:
        endings = ", ".join(suffixes(available()))
        raise click.UsageError(f"There is no photo in there, no file that ends in {endings}.")
    return list(found.values()), list(unread.values())


def _inside(folder: Path, errors: list[OSError]) -> list[Path]:
    """Not rglob: it leaves folders that cannot be read out, without a word."""
    found: list[Path] = []
    for at, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = [one for one in folders if not one.startswith(".") and one not in STORES]
        found += _these(Path(at), files)
    return sorted(found)


def _these(folder: Path, files: Sequence[str]) -> Iterator[Path]:
    """Not those that begin with a dot: a Mac leaves one beside each photo on other disks."""
    endings = suffixes(available())
    for path in (folder / file for file in files if not file.startswith(".")):
        if path.suffix.lower() in endings and _is_file(path):
            yield path


def _is_file(path: Path) -> bool:
    """One that cannot be looked at counts: whoever captions it says so."""
    try:
        return path.is_file()
    except OSError:
        return True


def _job(options: Options, settings: Settings, load: Load) -> Job:
    model = options.model
    folder = model_folder(model) if model else settings.models[0]
    if model and not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}.", param_hint="--model")
    return Job(
        folder,
        options.engine or settings.engine,
        options.beam_width or settings.beam_width,
        settings.max_bytes,
        settings.max_pixels,
        load,
        split_mention(options.mention),
    )


def _form(options: Options) -> str:
    if options.form == "xmp" and options.output:
        message = "xmp is written beside the photos. Leave --output out."
        raise click.BadParameter(message, param_hint="--format")
    by_name = BY_SUFFIX.get(options.output.suffix.lower(), "text") if options.output else "text"
    return options.form or by_name


def _executor(job: Job, options: Options) -> Executor:
    """Only who is asked for is imported."""
    if options.cluster:
        if not find_spec("ray"):
            raise click.ClickException(
                "Ray, which --engine-cluster needs, is not installed here. Install it with "
                "'.venv/bin/pip install -r requirements-cluster.txt'."
            )
        from app.cli.cluster import ClusterExecutor

        return ClusterExecutor(job, options.cluster, options.jobs)
    if options.jobs and options.jobs > 1:
        from app.cli.processes import ProcessExecutor

        return ProcessExecutor(job, options.jobs)
    return SerialExecutor(job)


def _languages(language: str, executor: Executor) -> tuple[str, ...]:
    if language == "all":
        return executor.languages
    if language not in executor.languages:
        message = f"{executor.name} speaks {', '.join(executor.languages)}, not {language}."
        raise click.BadParameter(message, param_hint="--language")
    return (language,)


def _output(form: str, options: Options, job: Job, settings: Settings, model: str) -> Output:
    if form == "xmp":
        from app.cli.sidecars import Sidecars

        return Sidecars()
    if not options.output:
        return StandardOutput(form)
    return ResultsFile(options.output, form, _made(job, settings, model))


def _made(job: Job, settings: Settings, model: str) -> dict[str, Any]:
    """What has to be the same for all that is in one file."""
    made: dict[str, Any] = {
        "model": model,
        "model_sha256": sha256(job.folder / MANIFEST),
        "beam_width": job.beam_width,
        "folder": str(Path.cwd()),
    }
    if job.mention:
        made["mention"] = ", ".join(sorted(job.mention))
    if settings.pointing:
        made["pointing"] = "on"
    return made


def _caption(
    photos: Sequence[Path], executor: Executor, languages: tuple[str, ...], output: Output
) -> int:
    tasks, failed = _tasks(photos, languages, output)
    done = len(photos) - len(tasks) - failed
    if done:
        click.echo(f"{done} of {len(photos)} photos are done already.", err=True)
    with closing(progress(len(photos), len(photos) - len(tasks))) as shown:
        for result in executor.results(tasks):
            failed += _finish(result, output, shown)
    if failed:
        click.echo(f"{failed} of {len(photos)} photos failed.", err=True)
    return failed


def _tasks(
    photos: Sequence[Path], languages: tuple[str, ...], output: Output
) -> tuple[list[Task], int]:
    """What there is to do, and how many photos fail before they are captioned."""
    tasks, failed = [], 0
    for path in photos:
        try:
            missing = output.missing(path, languages)
        except OutputError as error:
            click.echo(f"{name(path)}: {error}", err=True)
            failed += 1
        else:
            tasks += [Task(path, missing)] if missing else []
    return tasks, failed


def _finish(result: Result, output: Output, shown: Progress) -> bool:
    """Writes a result, then says so: what is said to be done is. Whether the photo failed."""
    error = result.error
    try:
        output.put(result)
    except OutputError as problem:
        error = str(problem)
    shown.done(result.path)
    if error:
        shown.say(f"{name(result.path)}: {error}")
    return bool(error)
