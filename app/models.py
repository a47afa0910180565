"""The models that the settings name, for the server and for the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.captioning.captioner import Captioner
from app.config import SettingError, Settings

LANGUAGES = ("en", "zh")
"""Of captions, in the order in which they are shown."""

Load = Callable[[Path, str], Captioner]
"""(checkpoint folder, engine) -> its Captioner. Raises CheckpointError."""


def load_models(settings: Settings, load: Load) -> dict[str, Captioner]:
    """By their names, in the order of the settings. Raises CheckpointError or SettingError."""
    models: dict[str, Captioner] = {}
    for folder in settings.models:
        model = load(folder, settings.engine)
        if model.name in models:
            raise SettingError(f"KANTU_MODELS names two checkpoints called {model.name!r}.")
        models[model.name] = model
    without = [name for name, model in models.items() if not model.objects]
    if settings.pointing and without:
        raise SettingError(
            f"KANTU_POINTING is on, but {', '.join(without)} has no detector. Turn it off, or give "
            "it one: python -m training add-detector."
        )
    return models
