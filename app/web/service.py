"""What every view works with, made once by create_app()."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from app.captioning.captioner import Captioner
from app.config import Settings
from app.models import LANGUAGES
from app.web.counters import Counters
from app.web.queue import Queue
from app.web.rate_limit import RateLimit


@dataclass(frozen=True)
class Service:
    settings: Settings
    models: dict[str, Captioner]
    """By name; the first is the one used where a request names none."""
    queue: Queue
    rate_limit: RateLimit | None
    counters: Counters

    @property
    def default_model(self) -> Captioner:
        return next(iter(self.models.values()))

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that at least one model speaks."""
        spoken = {language for model in self.models.values() for language in model.languages}
        return tuple(language for language in LANGUAGES if language in spoken)


def service() -> Service:
    return cast(Service, current_app.extensions["kantu"])
