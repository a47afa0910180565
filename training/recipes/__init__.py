"""One small file per published model: its hyper-parameters, nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from app.captioning import objects
from app.captioning.vocabulary import START, Vocabulary


@dataclass(frozen=True)
class Likelihood:
    """A stage of training by maximum likelihood."""

    epochs: int = 12
    learning_rate: float = 1e-3
    """The peak, reached after warm_up; a cosine takes it to a hundredth."""
    warm_up: float = 0.05
    """Share of all steps."""
    label_smoothing: float = 0.1
    scheduled_sampling: float = 0.0
    """Share of the words read that the decoder said itself, in the last epoch; it grows from 0."""


@dataclass(frozen=True)
class SelfCritical:
    """A stage of training by the score itself."""

    epochs: int = 0
    photos: int = 64
    """A batch."""
    samples: int = 5
    """Captions said of each."""
    words: int = 14
    """Where a caption breaks off that has not ended. Each word more is computed for all."""
    learning_rate: float = 2e-4
    """At first; a cosine takes it to a tenth."""
    likelihood: float = 0.1
    """Weight of maximum likelihood beside it."""
    temperature: float = 0.5
    """At which captions are said."""
    dropout: bool = False
    """Whether dropout stays on while it learns from what it said."""


@dataclass(frozen=True)
class Recipe:
    """How a decoder is trained: by likelihood, then with the encoder's tail, then by score.
    A stage of no epochs is left out."""

    language: str
    """Language of the captions: "en" or "zh"."""
    decoder: str = "show_and_tell"
    units: int = 512
    embedding: int = 512
    feature_dropout: float = 0.2
    dropout: float = 0.5
    photos: int = 26
    """A batch."""
    captions_each: int = 5
    """Captions of each photo in a batch."""
    likelihood: Likelihood = field(default_factory=Likelihood)
    fine_tuning: Likelihood = field(
        default_factory=lambda: Likelihood(epochs=0, learning_rate=2e-4)
    )
    """The same, with the encoder's last blocks trained too. Self-critical training then trains it
    as well."""
    self_critical: SelfCritical = field(default_factory=SelfCritical)
    styles: tuple[tuple[str, int], ...] = ()
    """Names, such as "<long>", and the most words of a caption in each, in rising order. A caption
    begins with its style's name, unseen, so that it can be asked for."""
    translated_style: str = ""
    """Where set, machine translations of other captions are learned from too, in this style."""
    style: str = START
    """The style spoken."""
    grounded: bool = False
    """Visual words point at regions: the vocabulary gets all that objects.json lists, and those of
    several words ("teddy bear") count as one."""
    clip_norm: float = 5.0
    max_words: int = 20
    length_penalty: float = 1.0
    beam_width: int = 3
    mixed_precision: bool = True
    """bfloat16 matrix products: nearly three times as fast on a CPU that has them."""
    keep_last: bool = False
    """Keep the last epoch, not the one with the best dev CIDEr."""
    seed: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError where the objectives do not suit the decoder."""
        sampled = self.likelihood.scheduled_sampling or self.fine_tuning.scheduled_sampling
        if self.grounded and (sampled or self.self_critical.epochs):
            raise ValueError(
                "a grounded decoder learns by maximum likelihood, without scheduled sampling"
            )

    @property
    def all_epochs(self) -> int:
        return self.likelihood.epochs + self.fine_tuning.epochs + self.self_critical.epochs

    def start_of(self, words: Sequence[str], translated: bool = False) -> str:
        """What a caption begins with."""
        if translated:
            return self.translated_style
        fitting = (name for name, most in self.styles if len(words) <= most)
        return next(fitting, self.styles[-1][0] if self.styles else START)

    def vocabulary(self, words: Vocabulary) -> Vocabulary:
        """A dataset's vocabulary with the names of the styles, and with all visual words."""
        names = [*(name for name, _ in self.styles), self.translated_style]
        visual = chain.from_iterable(objects.words(self.language).values()) if self.grounded else ()
        missing = (word for word in visual if word not in words.words)
        return Vocabulary([*words.words, *missing, *filter(None, names)])

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """What dataclasses.asdict() made of a recipe."""
        stages = {
            "likelihood": Likelihood(**values["likelihood"]),
            "fine_tuning": Likelihood(**values["fine_tuning"]),
            "self_critical": SelfCritical(**values["self_critical"]),
        }
        styles = tuple((name, most) for name, most in values["styles"])
        return cls(**(values | stages | {"styles": styles}))


def load_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises ValueError, naming those there are."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in names:
        raise ValueError(f"there is no recipe {name!r}; there are {', '.join(names)}")
    return importlib.import_module(f"training.recipes.{name}").RECIPE
