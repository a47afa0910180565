from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import cast

import pytest

from app import create_app
from app.captioning.captioner import Captioner
from app.captioning.checkpoint import CheckpointError
from app.config import ROOT, Settings
from tests.fakes import FakeCaptioner
from tests.photos import jpeg


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_loads_the_models_with_the_engine_that_the_settings_name() -> None:
    loaded = []

    def load(folder: Path, engine: str) -> Captioner:
        loaded.append((folder, engine))
        return cast(Captioner, FakeCaptioner(folder.name))

    app = create_app(Settings(models=(Path("a/one"), Path("b/two")), engine="litert"), load)
    assert loaded == [(Path("a/one"), "litert"), (Path("b/two"), "litert")]
    assert app.test_client().get("/readyz").get_json()["models"] == ["one", "two"]


def test_a_bad_checkpoint_stops_it_with_its_sentence() -> None:
    def load(folder: Path, engine: str) -> Captioner:
        raise CheckpointError("The checkpoint is broken.")

    with pytest.raises(SystemExit) as caught:
        create_app(Settings(), load)
    assert caught.value.code == "Kantu cannot start: The checkpoint is broken."


@pytest.mark.parametrize("pointing", [True, False])
def test_words_point_where_the_settings_say_so(pointing: bool) -> None:
    client = create_app(Settings(pointing=pointing, rate_limit=None)).test_client()
    form = {"photo": (BytesIO(jpeg("chelsea")), "cat.jpg"), "language": "all"}
    (photo,) = client.post("/api/v1/captions", data=form).get_json()["photos"]
    slots = [slot for caption in photo["captions"] for slot in caption.get("slots", ())]
    assert bool(slots) == pointing
    assert ("regions" in photo) == pointing
    for slot in slots:
        assert photo["regions"][slot["region"]]["class"] == "cat"
    objects = client.get("/api/v1/models").get_json()["models"][0]["objects"]
    assert ("zebra" in objects) == pointing


def test_a_model_that_cannot_point_where_words_are_to_stops_it() -> None:
    """Also beside one that can."""

    def load(folder: Path, engine: str) -> Captioner:
        fake = FakeCaptioner(folder.name)
        fake.objects = ("dog",) if folder.name == "able" else ()
        return cast(Captioner, fake)

    settings = Settings(models=(Path("able"), Path("mine")), pointing=True)
    with pytest.raises(SystemExit, match="KANTU_POINTING is on, but mine has no detector"):
        create_app(settings, load)


def test_two_models_of_one_name_stop_it() -> None:
    settings = Settings(models=(Path("a"), Path("b")))
    with pytest.raises(SystemExit, match="two checkpoints called 'fake'"):
        create_app(settings, load=lambda folder, engine: cast(Captioner, FakeCaptioner()))


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "--preload", "--check-config", "wsgi"),
        ("flask", "--app", "wsgi", "routes"),
        ("flask", "--app", "wsgi", "caption", "wsgi.py"),
    ],
    ids=["gunicorn", "flask", "flask caption"],
)
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("KANTU_QUEUE", "many", "KANTU_QUEUE is 'many', but must be a whole number"),
        ("KANTU_MODELS", "no-such-model", "no-such-model"),
    ],
)
def test_a_terminal_shows_the_sentence_and_no_traceback(
    command: tuple[str, ...], variable: str, value: str, words: str
) -> None:
    ended = _run(*command, **{variable: value})
    assert ended.returncode != 0
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
