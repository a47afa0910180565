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
    if settings.pointing and not any(model.objects for model in models.values()):
        raise SettingError(
            "KANTU_POINTING is on, but no model has a detector. Turn it off, or give one to a "
            "model: python -m training add-detector."
        )
    return models
