"""flask --app wsgi caption PATH…: captions for files and whole folders."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import CheckpointError
from app.config import ENGINES, LARGEST_BEAM, Settings, model_folder
from app.photos import PhotoError, read_photo
from app.web.service import LANGUAGES, service

SUFFIXES = (".jpg", ".jpeg")
Row = dict[str, Any]


def loads_its_own_model() -> bool:
    """Whether this process runs `flask … caption`.

    Flask makes the application before it reads the command's options, and only they say which
    model to load, on which engine.
    """
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "caption" in sys.argv


@click.command("caption")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--language", type=click.Choice([*LANGUAGES, "all"]), default="all")
@click.option("--model", metavar="NAME", help="A name in model_assets/, or a path.")
@click.option("--beam-width", type=click.IntRange(1, LARGEST_BEAM), metavar="N")
@click.option("--engine", type=click.Choice(ENGINES), help="Instead of KANTU_ENGINE.")
@click.option("--format", "output", type=click.Choice(["text", "jsonl", "csv"]), default="text")
@with_appcontext
def caption(
    paths: tuple[Path, ...],
    language: str,
    model: str | None,
    beam_width: int | None,
    engine: str | None,
    output: str,
) -> None:
    """Writes captions for photos, and for the JPEG files in folders, to the standard output."""
    photos = [photo for path in paths for photo in _photos(path)]
    if not photos:
        raise click.UsageError("There is no .jpg or .jpeg file in there.")
    settings = service().settings
    captioner = _load(model, engine or settings.engine)
    languages = _languages(language, captioner)
    write = WRITERS[output]()
    failed = 0
    for number, path in enumerate(photos, 1):
        click.echo(f"[{number}/{len(photos)}] {click.format_filename(path)}", err=True)
        rows = _rows(path, captioner, languages, beam_width or settings.beam_width, settings)
        for row in rows:
            write({"path": click.format_filename(path), **row})
        sys.stdout.flush()
        failed += any("error" in row for row in rows)
    if failed:
        click.echo(f"{failed} of {len(photos)} photos failed.", err=True)
        sys.exit(1)


def _photos(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for inside in sorted(path.rglob("*")):
        if inside.suffix.lower() in SUFFIXES and inside.is_file():
            yield inside


def _load(model: str | None, engine: str) -> Captioner:
    folder = model_folder(model) if model else service().settings.models[0]
    if model and not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}.", param_hint="--model")
    try:
        return service().load(folder, engine)
    except CheckpointError as error:
        raise click.ClickException(str(error)) from None


def _languages(language: str, captioner: Captioner) -> tuple[str, ...]:
    if language == "all":
        return captioner.languages
    if language not in captioner.languages:
        spoken = ", ".join(captioner.languages)
        message = f"{captioner.name} speaks {spoken}, not {language}."
        raise click.BadParameter(message, param_hint="--language")
    return (language,)


def _rows(
    path: Path, captioner: Captioner, languages: tuple[str, ...], width: int, settings: Settings
) -> list[Row]:
    """One for each language: a caption, or the error that the photo met."""
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to see that it is too large.
            data = file.read(settings.max_bytes + 1)
        photo = read_photo(data, settings.max_bytes, settings.max_pixels)
    except OSError as error:
        return _failed(languages, "unreadable", error.strerror or str(error))
    except PhotoError as error:
        return _failed(languages, error.code, str(error))
    features = captioner.encode(photo)
    best = {language: captioner.decode(features, language, width)[0] for language in languages}
    return [
        {"language": language, "text": one.text, "log_probability": one.log_probability}
        for language, one in best.items()
    ]


def _failed(languages: tuple[str, ...], code: str, message: str) -> list[Row]:
    click.echo(message, err=True)
    error = {"code": code, "message": message}
    return [{"language": language, "error": error} for language in languages]


def _text_writer() -> Callable[[Row], None]:
    def write(row: Row) -> None:
        if "text" in row:
            click.echo(f"{row['path']}\t{row['language']}\t{row['text']}")

    return write


def _jsonl_writer() -> Callable[[Row], None]:
    return lambda row: click.echo(json.dumps(row, ensure_ascii=False))


def _csv_writer() -> Callable[[Row], None]:
    columns = ["path", "language", "text", "log_probability", "error"]
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    return lambda row: writer.writerow(
        {**row, "error": row["error"]["message"]} if "error" in row else row
    )


WRITERS = {"text": _text_writer, "jsonl": _jsonl_writer, "csv": _csv_writer}
