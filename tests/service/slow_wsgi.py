"""The application with a captioner that takes its time, for tests of what happens meanwhile."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from app import create_app
from app.captioning.captioner import Captioner, Encoding
from app.config import Settings
from app.web import queue
from tests.fakes import FakeCaptioner

SECOND, FOR_EVER, THREE_SECONDS = 200, 201, 202
"""The width of photos that take so long. All others take no time."""

queue.MOST_SECONDS_A_PHOTO = 4


class Slow(FakeCaptioner):
    def encode(self, photo: np.ndarray) -> Encoding:
        time.sleep({SECOND: 1, THREE_SECONDS: 3, FOR_EVER: 1000}.get(photo.shape[1], 0))
        return super().encode(photo)


application = create_app(
    replace(Settings.from_environment(), models=(Path("slow"),)),
    load=lambda folder, engine: cast(Captioner, Slow()),
)
