"""The command `flask caption` with captioners that need no weights, some of which die."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
from click.testing import CliRunner, Result

from app import cli
from app.captioning.captioner import Captioner, Encoding
from app.captioning.checkpoint import MANIFEST, CheckpointError, sha256
from app.captioning.vocabulary import Vocabulary
from app.config import Settings
from app.models import Load
from benchmarks.folder import fill
from tests.fakes import FakeCaptioner
from tests.photos import NAMES, jpeg

DEADLY, DEADLY_ONCE = 100, 200
"""Widths of photos at which a Mortal dies."""


def checkpoint(folder: Path) -> Path:
    """What can be read of a checkpoint before its networks are."""
    folder.mkdir()
    for language in ("en", "zh"):
        Vocabulary.build([["a", "dog"]], 1).save(folder / f"vocabulary_{language}.txt")
    manifest = {
        "format": 2,
        "name": folder.name,
        "encoder": {"photo_size": 224},
        "languages": dict.fromkeys(("en", "zh"), {"max_words": 20, "length_penalty": 1.0}),
        "files": {file.name: sha256(file) for file in folder.iterdir()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def real_photos(folder: Path, count: int) -> Path:
    """So many photos for the model that is shipped."""
    with TemporaryDirectory() as sources:
        for name in NAMES:
            (Path(sources) / f"{name}.jpg").write_bytes(jpeg(name))
        fill(folder, sorted(Path(sources).iterdir()), count)
    return folder


def load_fake(folder: Path, engine: str) -> Captioner:
    return cast(Captioner, FakeCaptioner(folder.name))


class Mortal(FakeCaptioner):
    def __init__(self, folder: Path):
        super().__init__(folder.name)
        self._died = folder / "died"

    def encode(self, photo: np.ndarray) -> Encoding:
        width = photo.shape[1]
        if width == DEADLY or (width == DEADLY_ONCE and not self._died.exists()):
            self._died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(photo)


def load_mortal(folder: Path, engine: str) -> Captioner:
    return cast(Captioner, Mortal(folder))


def load_dead(folder: Path, engine: str) -> Captioner:
    os._exit(3)


def load_broken(folder: Path, engine: str) -> Captioner:
    raise CheckpointError("The checkpoint is broken.")


def run(model: Path, load: Load, *arguments: object, **settings: Any) -> Result:
    """`flask caption` with these arguments, in this process."""
    command = cli.command(Settings(models=(model,), **settings), load)
    return CliRunner().invoke(command, list(map(str, arguments)))


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
