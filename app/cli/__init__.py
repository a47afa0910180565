"""flask --app wsgi caption PATH…: captions for files and whole folders.

The server loads this file too, with create_app(): what the command works with is imported when it
runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from app.config import ENGINES, LARGEST_BEAM, Settings
from app.models import LANGUAGES, Load

FORMATS = ("text", "jsonl", "csv", "xmp")


def loads_its_own_model() -> bool:
    """Whether this process runs `flask … caption`.

    Flask makes the application before it reads the command's options, and only they say which
    model to load, on which engine.
    """
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "caption" in sys.argv


def command(settings: Settings, load: Load) -> click.Command:
    """
    Args:
        settings: for what its options leave out.
        load: how a checkpoint is loaded; it travels to other processes and machines.
    """

    @click.command("caption")
    @click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
    @click.option("--language", type=click.Choice([*LANGUAGES, "all"]), default="all")
    @click.option("--model", metavar="NAME", help="A name in model_assets/, or a path.")
    @click.option("--beam-width", type=click.IntRange(1, LARGEST_BEAM), metavar="N")
    @click.option(
        "--mention",
        default="",
        metavar="NAMES",
        help="Objects that each caption has to name, such as dog,pizza.",
    )
    @click.option("--engine", type=click.Choice(ENGINES), help="Instead of KANTU_ENGINE.")
    @click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        help="text where neither this nor the name of FILE says another; xmp writes PHOTO.jpg.xmp.",
    )
    @click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write there, and leave out what is in there already.",
    )
    @click.option(
        "--jobs", type=click.IntRange(1, 1000), metavar="N", help="How many processes caption."
    )
    @click.option(
        "--engine-cluster",
        "cluster",
        metavar="ADDRESS",
        help="Caption on a Ray cluster: ray://HOST:10001, auto, or local.",
    )
    def caption(**options: Any) -> None:
        """Writes captions for photos, and for the JPEG files in folders."""
        from app.cli.run import Options, run

        if run(Options(**options), settings, load):
            sys.exit(1)

    return caption
