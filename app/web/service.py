"""What every view works with, made once by create_app()."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import current_app

from app.captioning.captioner import Captioner
from app.config import SettingError, Settings
from app.web.queue import Queue
from app.web.rate_limit import RateLimit
from app.web.tally import Tally

LANGUAGES = ("en", "zh")
"""Of captions, in the order in which they are shown."""

Load = Callable[[Path, str], Captioner]
"""(checkpoint folder, engine) -> its Captioner. Raises CheckpointError."""


@dataclass(frozen=True)
class Service:
    settings: Settings
    load: Load
    models: dict[str, Captioner]
    """By name; the first is the one used where a request names none."""
    queue: Queue
    rate_limit: RateLimit | None
    tally: Tally

    @property
    def default_model(self) -> Captioner:
        return next(iter(self.models.values()))

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that at least one model speaks."""
        spoken = {language for model in self.models.values() for language in model.languages}
        return tuple(language for language in LANGUAGES if language in spoken)


def load_models(settings: Settings, load: Load) -> dict[str, Captioner]:
    """Raises CheckpointError or SettingError."""
    models: dict[str, Captioner] = {}
    for folder in settings.models:
        model = load(folder, settings.engine)
        if model.name in models:
            raise SettingError(f"KANTU_MODELS names two checkpoints called {model.name!r}.")
        models[model.name] = model
    return models


def service() -> Service:
    return cast(Service, current_app.extensions["kantu"])
