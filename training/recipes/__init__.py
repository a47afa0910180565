"""One file per published model: all that decides what it becomes, from the data to the export."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, ClassVar

from app.captioning import objects
from app.captioning.vocabulary import START, Vocabulary

FROZEN, STAGE, WHOLE = "frozen", "stage", "whole"
"""What a training stage trains of the encoder: nothing, its EncoderStage, or all of it."""
ENCODER, ENCODER_STAGE = "encoder", "encoder_stage"
"""Parts of a model: what of its encoder comes before its EncoderStage, and that."""


SHORT_TO_LONG = (("<short>", 4), ("<medium>", 6), ("<long>", 20))
"""Styles of Chinese captions: the most words of each."""


@dataclass(frozen=True)
class DecoderConfig:
    """A decoder's architecture."""

    architecture: str = "show_and_tell"
    """One of training.decoders.DECODERS."""
    units: int = 512
    embedding: int = 512
    feature_dropout: float = 0.2
    dropout: float = 0.5
    word2vec: bool = False
    """Whether the word embedding starts from skip-gram vectors of the training captions."""


@dataclass(frozen=True)
class LanguageConfig:
    """The decoders of one language, and how captions are searched for."""

    decoders: tuple[DecoderConfig, ...] = (DecoderConfig(),)
    """Several choose each word together, as an ensemble."""
    styles: tuple[tuple[str, int], ...] = ()
    """Names, such as "<long>", and the most words of a caption in each, in rising order. A caption
    begins with its style's name, unseen, so that it can be asked for."""
    start: str = START
    """What captions begin with, unseen: `<start>`, or a style."""
    max_length: int = 20
    """In words."""
    length_penalty: float = 1.0
    grounded: bool = False
    """Visual words point at regions: the vocabulary gets all that objects.json lists, and those of
    several words ("teddy bear") count as one."""

    def named_decoders(self, language: str) -> dict[str, DecoderConfig]:
        """By their names in a run: "en", "en-2"."""
        names = decoder_names(language, len(self.decoders))
        return dict(zip(names, self.decoders, strict=True))

    def start_of(self, words: Sequence[str]) -> str:
        """What a caption of these words begins with."""
        fitting = (name for name, most in self.styles if len(words) <= most)
        return next(fitting, self.styles[-1][0] if self.styles else START)

    def usual_start(self, captions: Iterable[Sequence[str]]) -> str:
        """What most of these captions begin with: in their style others are compared with them."""
        return Counter(map(self.start_of, captions)).most_common(1)[0][0]

    def vocabulary(self, words: Vocabulary, language: str) -> Vocabulary:
        """The training captions' vocabulary with the styles' names, and with all visual words."""
        visual = chain.from_iterable(objects.words(language).values()) if self.grounded else ()
        missing = (word for word in visual if word not in words.words)
        return Vocabulary([*words.words, *missing, *(name for name, _ in self.styles)])


@dataclass(frozen=True)
class MaximumLikelihood:
    """A stage that makes the words that people wrote likely (Vinyals et al. 2015)."""

    loss: ClassVar[str] = "maximum_likelihood"
    charge: ClassVar[float] = 0.0
    """It has nothing against a word that nobody said."""
    epochs: int
    learning_rate: float = 2e-3
    """The peak, reached after a warm-up; a cosine takes it to a hundredth."""
    encoder: str = FROZEN
    encoder_rate: float = 1.0
    """The encoder's learning rate, as a share of the decoders'."""
    batch_size: int = 26
    """Photos."""
    captions_per_photo: int = 5
    decoders: tuple[str, ...] = ()
    """Those that are trained, by their names; all where none is named."""
    averaged: int = 0
    """The mean of the weights after so many of the last epochs is one more candidate to be kept
    (Izmailov et al. 2018)."""
    evaluated_every: int = 1
    """After so many epochs, and after the last, dev photos are captioned: only then weights can be
    kept, and a training that is killed goes on from there."""


@dataclass(frozen=True)
class SelfCritical:
    """A stage that makes captions with a better score likelier (Rennie et al. 2017)."""

    loss: ClassVar[str] = "self_critical"
    epochs: int = 12
    learning_rate: float = 3e-4
    """At first; a cosine takes it to a tenth."""
    encoder: str = FROZEN
    encoder_rate: float = 1.0
    """The encoder's learning rate, as a share of the decoders'."""
    batch_size: int = 128
    """Photos."""
    samples: int = 5
    """Captions sampled of each photo."""
    max_length: int = 16
    """Where a sampled caption breaks off that has not ended."""
    temperature: float = 0.5
    """At which captions are sampled."""
    charge: float = 0.0
    """What a caption's CIDEr-D, 1 where printed scores say 100, is lowered by for each of its words
    that no written caption of the photo has, as training.evaluation.support counts them."""
    likelihood_weight: float = 0.1
    """Of the maximum likelihood of written captions beside it."""
    likelihood_batch_size: int = 26
    """Photos of a batch whose written captions it is taken on."""
    captions_per_photo: int = 5
    decoders: tuple[str, ...] = ()
    """As in MaximumLikelihood."""
    averaged: int = 0
    """As in MaximumLikelihood."""
    evaluated_every: int = 1
    """As in MaximumLikelihood."""


Stage = MaximumLikelihood | SelfCritical


@dataclass(frozen=True)
class Leg:
    """What one run of the trainer trains: a stage of some decoders."""

    stage: Stage
    decoders: tuple[str, ...]

    def __str__(self) -> str:
        encoder = "" if self.stage.encoder == FROZEN else f", encoder's {self.stage.encoder}"
        return f"{', '.join(self.decoders)}: {self.stage.loss.replace('_', ' ')}{encoder}"


@dataclass(frozen=True)
class Recipe:
    """A model: its data, its encoder, its decoders and how they are trained, stage by stage."""

    languages: Mapping[str, LanguageConfig]
    """By "en" and "zh"."""
    stages: tuple[Stage, ...]
    data: tuple[str, ...] = ("flickr8k",)
    """Collections, whose training photos are learned from."""
    dev: tuple[str, ...] = ()
    """Collections whose dev photos choose the epoch that is kept, by the mean of their CIDEr; the
    first of data where none is named."""
    encoder: str = "efficientnet_lite3"
    grid: bool = False
    """Whether the encoder gives grid features, which decoders that attend need, rather than pooled
    ones."""
    begin_from: str = ""
    """A checkpoint of model_assets/ that the training begins from."""
    begin_with: tuple[str, ...] = (ENCODER_STAGE,)
    """What it takes from there: the encoder's stage, with what comes before it where that was
    trained too, or decoders, by their names; a decoder comes with its vocabulary."""
    augmentations: int = 1
    """Of each training photo: itself, mirrored, and crops."""
    clip_norm: float = 5.0
    precision: str = "mixed_bfloat16"
    """Keras' dtype policy of the training. bfloat16 products are nearly three times as fast on a
    CPU that has them."""
    seed: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError where the parts do not suit each other."""
        object.__setattr__(self, "dev", self.dev or self.data[:1])
        for stage in self.stages:
            if stage.encoder not in (FROZEN, STAGE, WHOLE):
                raise ValueError(f"a stage trains {FROZEN}, {STAGE} or {WHOLE}: {stage.encoder!r}")
            if stage.evaluated_every < 1:
                raise ValueError(f"evaluated_every is at least 1: {stage.evaluated_every}")
            unknown = set(stage.decoders) - set(self.decoders())
            if unknown:
                raise ValueError(f"a stage trains {', '.join(unknown)}, which there is not")
            if stage.encoder != FROZEN and not self.grid:
                raise ValueError("an encoder is trained through grid features: set grid")
        parts = {ENCODER_STAGE, *self.decoders()} if self.grid else {*self.decoders()}
        if self.begin_from and not set(self.begin_with) <= parts:
            strange = ", ".join(sorted(set(self.begin_with) - parts))
            grid = "" if self.grid else "; the encoder's stage needs grid=True"
            raise ValueError(
                f"it begins with {strange}, and has only {', '.join(sorted(parts))}{grid}"
            )

    def check(self) -> None:
        """Raises ValueError where what it says cannot be trained. Records of trainings that were
        run otherwise are recipes all the same."""
        for stage in self.stages:
            if stage.encoder != FROZEN and stage.decoders:
                raise ValueError("an encoder is trained with all decoders: name none in that stage")
            if isinstance(stage, SelfCritical) and stage.samples < 2:
                raise ValueError(f"a sample is compared with others: {stage.samples} are too few")
        for language in self.languages.values():
            starts = [name for name, _ in language.styles] or [START]
            if language.start not in starts:
                raise ValueError(f"captions start with {', '.join(starts)}: {language.start!r}")

    @property
    def grounded(self) -> bool:
        """Whether there is a detector beside the encoder."""
        return any(language.grounded for language in self.languages.values())

    @property
    def sees_photos(self) -> bool:
        """Whether photos alone are learned from, for every stage trains the whole encoder: features
        of the encoder as it was before are of no use."""
        return not self.grounded and all(stage.encoder == WHOLE for stage in self.stages)

    @property
    def features(self) -> str:
        """What the encoder gives, "grid" or "pooled"."""
        return "grid" if self.grid else "pooled"

    def decoders(self) -> dict[str, tuple[str, DecoderConfig]]:
        """Language and architecture of each decoder by its name: "en", "en-2", "zh"."""
        return {
            name: (language, config)
            for language, of_language in self.languages.items()
            for name, config in of_language.named_decoders(language).items()
        }

    def legs(self) -> Iterator[Leg]:
        """The training, in order. Where the encoder is frozen each decoder is trained by itself, so
        that each is a piece of work of its own; an encoder is trained with all of them at once."""
        for stage in self.stages:
            names = stage.decoders or tuple(self.decoders())
            if stage.encoder == FROZEN:
                yield from (Leg(stage, (name,)) for name in names)
            else:
                yield Leg(stage, names)

    def as_json(self) -> dict[str, Any]:
        """All of it, as it is read again from the run folder and the manifest."""
        stages = [{"loss": stage.loss, **asdict(stage)} for stage in self.stages]
        return json.loads(json.dumps({**asdict(self), "stages": stages}))


def decoder_names(language: str, number: int) -> list[str]:
    """Of so many decoders of a language: "en", "en-2", …"""
    return [language, *(f"{language}-{nth}" for nth in range(2, number + 1))]


def recipe_from_json(values: Mapping[str, Any]) -> Recipe:
    """What Recipe.as_json() gave.

    Raises:
        ValueError: it is that of another version of this program.
    """
    try:
        languages = {
            language: LanguageConfig(
                **{
                    **config,
                    "decoders": tuple(DecoderConfig(**one) for one in config["decoders"]),
                    "styles": tuple((name, most) for name, most in config["styles"]),
                }
            )
            for language, config in values["languages"].items()
        }
        stages = tuple(_stage(dict(stage)) for stage in values["stages"])
        collections = {name: tuple(values[name]) for name in ("data", "dev", "begin_with")}
        return Recipe(**{**values, **collections, "languages": languages, "stages": stages})
    except (KeyError, TypeError) as error:
        raise ValueError(f"the recipe is one of another version of this program: {error}") from None


def _stage(values: dict[str, Any]) -> Stage:
    kinds = {kind.loss: kind for kind in (MaximumLikelihood, SelfCritical)}
    kind = kinds[values.pop("loss")]
    return kind(**{**values, "decoders": tuple(values["decoders"])})


def load_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises ValueError, naming those there are."""
    names = recipe_names()
    if name not in names:
        raise ValueError(f"there is no recipe {name!r}; there are {', '.join(names)}")
    return importlib.import_module(f"training.recipes.{name}").RECIPE


def recipe_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
