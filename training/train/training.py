"""Trains a recipe in a run folder, leg by leg, on features that are on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from app.captioning.checkpoint import sha256
from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus, Lesson, build_vocabulary, mentioned
from training.data.features import PHOTO, has_split, load_facts, load_split
from training.data.word2vec import train_word2vec
from training.decoders.base import WORD_DEVIATION
from training.decoders.building import adapted_photos, build_decoder
from training.encoders import ENCODERS, Weights, build, read_weights
from training.encoders.stage import EncoderStage, as_convolutions
from training.encoders.weights import write_weights
from training.recipes import STAGE, WHOLE, Leg, Recipe
from training.train.distribution import begin, is_chief, on_one_device, wait_for_all
from training.train.evaluator import Evaluator
from training.train.losses import make_loss
from training.train.model import CaptioningModel, precision
from training.train.run_folder import (
    Run,
    assign_part,
    assign_weights,
    has_begun,
    load_weights,
    read_record,
    read_vocabulary,
    save_vocabulary,
)
from training.train.sampling import encode_photos
from training.train.trainer import Trainer

ENCODER_WEIGHTS = "encoder.npz"
"""In a run folder: the weights of an encoder that was trained in it."""


@dataclass(frozen=True)
class Inputs:
    """What a training reads."""

    encoder: str
    """One of ENCODERS."""
    weights: Path
    """The encoder's."""
    stage: Sequence[np.ndarray] | None
    """The weights of the encoder's stage among them, where it has one."""
    collections: Mapping[str, Path]
    """Folders of training.data.features, by the collections' names."""
    learned: Sequence[str]
    """The collections whose training photos are learned from."""
    augmentations: int = 1
    """Of each training photo."""

    def dev(self, language: str, names: Sequence[str]) -> dict[str, Corpus]:
        """Those that have dev photos with captions in a language, by collection, with features of
        these names."""
        corpora = {
            name: Corpus([load_split(folder, "dev", names)], language)
            for name, folder in self.collections.items()
            if has_split(folder, "dev")
        }
        return {name: corpus for name, corpus in corpora.items() if len(corpus)}

    def train(self, language: str, names: Sequence[str]) -> Corpus:
        """All collections' training photos, one after the other."""
        folders = [self.collections[name] for name in self.learned]
        corpus = Corpus(
            [load_split(folder, "train", names, self.augmentations) for folder in folders], language
        )
        if not len(corpus):
            raise ValueError(f"{', '.join(self.learned)} have no {language!r} captions")
        return corpus


@dataclass(frozen=True)
class Beginning:
    """A checkpoint that a training begins from."""

    weights: Mapping[str, np.ndarray]
    """By PART/PATH, as training.train.run_folder has them."""
    vocabularies: Mapping[str, Vocabulary]
    facts: Mapping[str, Any]
    """Its name and what its manifest says of its training."""


def train(
    recipe: Recipe,
    inputs: Callable[[Path | None], Inputs],
    folder: Path,
    beginning: Beginning | None = None,
) -> Run:
    """Trains a recipe from where its run folder is up to its end.

    Args:
        inputs: gives what is read, of the encoder as it begins or, given their file, of other
            weights of it.
        folder: a new folder, or that of a training of the same recipe that was killed.
        beginning: for a new folder, what the recipe begins from.

    Raises:
        FileNotFoundError: features were not computed.
        ValueError: what is read does not belong together, or the folder holds another training.
    """
    begin()
    first = inputs(None)
    began_from = beginning.facts if beginning else None
    if has_begun(folder):
        began_from = read_record(folder)["began_from"]
    run = Run(folder, recipe, facts_of(first, began_from))
    # Here, for what comes before may draw random numbers or not.
    keras.utils.set_random_seed(recipe.seed)
    training = Training(recipe, run, first, beginning)
    if is_chief() and not run.begun:
        training.initialise(beginning)
    wait_for_all("initial weights")
    state = run.load_state() if run.begun else None
    going_on = len(run.legs) - 1
    for nth, leg in enumerate(recipe.legs()):
        if nth < going_on:
            continue
        record = run.begin_leg(nth, leg)
        whole, trained = leg.stage.encoder == WHOLE, folder / ENCODER_WEIGHTS
        # Photos are the same whatever the encoder is.
        seen = inputs(trained) if trained.exists() and not whole else first
        training.run_leg(leg, record, seen, state if nth == going_on else None)
        if whole and is_chief():
            write_weights(trained, training.encoder_weights())
    return run


def facts_of(inputs: Inputs, began_from: Mapping[str, Any] | None) -> dict[str, Any]:
    """The hashes of what a training reads."""
    return {
        "data": {
            name: load_facts(folder)["dataset_sha256"]
            for name, folder in inputs.collections.items()
        },
        "encoder": {"name": inputs.encoder, "weights_sha256": sha256(inputs.weights)},
        "began_from": began_from,
    }


class Training:
    """A recipe's model, in the precision that it is trained in and in float32."""

    def __init__(self, recipe: Recipe, run: Run, inputs: Inputs, beginning: Beginning | None):
        self.recipe, self.run, self.inputs = recipe, run, inputs
        self.names = [
            PHOTO if recipe.sees_photos else recipe.features,
            *(["regions"] if recipe.grounded else []),
        ]
        self.corpora = {
            language: inputs.train(language, self.names) for language in recipe.languages
        }
        for language in recipe.languages:
            if not inputs.dev(language, ()).keys() & {*recipe.dev}:
                raise ValueError(
                    f"{', '.join(recipe.dev)}: no dev photo has {language!r} captions, by which an "
                    "epoch could be chosen"
                )
        self.vocabularies = {
            language: self._vocabulary(language, beginning) for language in recipe.languages
        }
        with precision(recipe.precision):
            self.model = self._build()
        with on_one_device():
            self.served = self._build()

    def _vocabulary(self, language: str, beginning: Beginning | None) -> Vocabulary:
        """That of a checkpoint goes on with its decoders."""
        if self.run.begun:
            return read_vocabulary(self.run.folder, language)
        if beginning and self._goes_on(language):
            vocabulary = beginning.vocabularies[language]
        else:
            config = self.recipe.languages[language]
            vocabulary = build_vocabulary(self.corpora[language], config)
        return vocabulary

    def _goes_on(self, language: str) -> bool:
        """Whether a decoder of the language begins as a checkpoint has it."""
        names = [name for name, (of, _) in self.recipe.decoders().items() if of == language]
        return bool({*names} & {*self.recipe.begin_with})

    def _build(self) -> CaptioningModel:
        stage, encoder = None, None
        if self.recipe.grid and self.inputs.stage is not None:
            stage = EncoderStage.of(self.inputs.stage)
        if any(one.encoder == WHOLE for one in self.recipe.stages):
            weights = read_weights(self.inputs.weights)
            size = load_facts(next(iter(self.inputs.collections.values())))["photo_size"]
            encoder = build(ENCODERS[self.inputs.encoder], weights, size, None, "grid")
        if stage is None and any(one.encoder in (STAGE, WHOLE) for one in self.recipe.stages):
            raise ValueError(f"{self.inputs.encoder} has no stage that can be trained")
        shapes = self._shapes(stage, encoder)
        decoders = {
            name: build_decoder(config, len(self.vocabularies[language]), shapes)
            for name, (language, config) in self.recipe.decoders().items()
        }
        return CaptioningModel(decoders, stage, encoder)

    def _shapes(
        self, stage: EncoderStage | None, encoder: keras.Model | None
    ) -> dict[str, tuple[int, ...]]:
        shapes = next(iter(self.corpora.values())).collections[0].shapes
        if encoder is not None and PHOTO in shapes:
            shapes = {"grid": tuple(encoder.output["grid"].shape[1:])}
        if stage is None:
            return shapes
        seen = stage({"grid": np.zeros((1, *shapes["grid"]), np.float32)})
        return {**shapes, **{name: tuple(one.shape[1:]) for name, one in seen.items()}}

    def initialise(self, beginning: Beginning | None) -> None:
        """Gives the model what is known before the first epoch, and keeps it: first what says what
        it is, for weights alone are gone on with."""
        served, taken = self.served, self.recipe.begin_with
        if beginning:
            for part in taken:
                if part not in served.parts():
                    raise ValueError(f"{self.inputs.encoder} has no {part} to begin with")
                assign_part(part, served.parts()[part], beginning.weights)
        for name, (language, config) in self.recipe.decoders().items():
            decoder, corpus = served.decoders[name], self.corpora[language]
            vocabulary = self.vocabularies[language]
            if beginning and name in taken:
                continue
            if config.word2vec:
                captions = [words for of_photo in corpus.captions for words in of_photo]
                vectors = train_word2vec(captions, vocabulary, config.embedding)
                decoder.word_embedding.set_weights([WORD_DEVIATION * vectors])
            decoder.learn_words(vocabulary, language)
            photos = adapted_photos(decoder, len(corpus), self.recipe.seed)
            seen = encode_photos(served, corpus, photos)
            decoder.adapt(seen, mentioned(corpus, vocabulary)[photos])
        for language, vocabulary in self.vocabularies.items():
            save_vocabulary(vocabulary, self.run.folder, language)
        self.run.save_record()
        self.run.keep(served)

    def run_leg(
        self, leg: Leg, record: Any, inputs: Inputs, state: Mapping[str, np.ndarray] | None
    ) -> None:
        whole = leg.stage.encoder == WHOLE
        names = [PHOTO, *self.names[1:]] if whole else self.names
        lessons, dev = {}, {}
        for name in leg.decoders:
            language, _ = self.recipe.decoders()[name]
            config = self.recipe.languages[language]
            corpus = inputs.train(language, names)
            lessons[name] = Lesson(corpus, self.vocabularies[language], config)
            corpora = inputs.dev(language, names)
            dev[name] = {one: corpora[one] for one in self.recipe.dev if one in corpora}
        loss = make_loss(leg.stage, lessons, self.recipe.seed, self.model)
        evaluators = {
            name: Evaluator(self.served, name, lesson, dev[name])
            for name, lesson in lessons.items()
        }
        Trainer(self.model, loss, self.run, self.served, evaluators).fit(record, state)

    def encoder_weights(self) -> Weights:
        """Of the whole encoder, as read_weights() gives them."""
        assign_weights(self.served, load_weights(self.run.folder))
        encoder, stage = self.served.encoder, self.served.stage
        assert encoder is not None and stage is not None
        layers = [tuple(layer.get_weights()) for layer in encoder.layers if layer.weights]
        return layers + as_convolutions(stage.get_weights())
