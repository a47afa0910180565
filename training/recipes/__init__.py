"""One small file per published model: its hyper-parameters, nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a decoder is trained."""

    language: str
    """Language of the captions: "en" or "zh"."""
    decoder: str = "show_and_tell"
    units: int = 512
    embedding: int = 512
    feature_dropout: float = 0.2
    dropout: float = 0.5
    label_smoothing: float = 0.1
    batch_size: int = 128
    """Captions, not photos."""
    epochs: int = 15
    """Of maximum likelihood."""
    learning_rate: float = 1e-3
    """The peak, reached after warm_up; a cosine takes it to a hundredth."""
    warm_up: float = 0.05
    """Share of all steps."""
    self_critical_epochs: int = 0
    """After those."""
    self_critical_photos: int = 64
    """A batch."""
    self_critical_samples: int = 5
    """Captions of each."""
    self_critical_learning_rate: float = 2e-4
    """At first; a cosine takes it to a tenth."""
    self_critical_likelihood: float = 0.1
    """Weight of maximum likelihood beside it."""
    self_critical_temperature: float = 0.5
    """At which captions are said."""
    clip_norm: float = 5.0
    max_words: int = 20
    length_penalty: float = 1.0
    beam_width: int = 3
    mixed_precision: bool = True
    """bfloat16 matrix products: nearly three times as fast on a CPU that has them."""
    keep_last: bool = False
    """Keep the last epoch, not the one with the best dev CIDEr."""
    seed: int = 1

    @property
    def all_epochs(self) -> int:
        return self.epochs + self.self_critical_epochs


def load_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises ValueError, naming those there are."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in names:
        raise ValueError(f"there is no recipe {name!r}; there are {', '.join(names)}")
    return importlib.import_module(f"training.recipes.{name}").RECIPE
