"""Trains one decoder an epoch at a time, and measures it."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from app.captioning.beam_search import beam_search
from app.captioning.captioner import caption_rules
from app.captioning.vocabulary import Vocabulary
from training.corpus import Corpus
from training.decoders import DECODERS, ShowAndTell
from training.maximum_likelihood import MaximumLikelihood, perplexity
from training.metrics import score
from training.recipes import Recipe
from training.self_critical import SelfCritical, copy_weights


@dataclass
class Progress:
    """Where a training is, kept beside its weights."""

    epoch: int = 0
    best_epoch: int = 0
    best_cider: float = -math.inf


class Trainer:
    """One decoder, trained by maximum likelihood first and, where the recipe says so, by
    self-critical training then."""

    def __init__(self, recipe: Recipe, vocabulary: Vocabulary, train: Corpus, dev: Corpus):
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.vocabulary, self.dev = recipe, vocabulary, dev
        size = train.features.values.shape[-1]
        self.decoder = build_decoder(
            recipe, len(vocabulary), size, "mixed_bfloat16" if recipe.mixed_precision else "float32"
        )
        self.decoder.standardise.adapt(train.look(0))
        self.speaker = build_decoder(recipe, len(vocabulary), size, "float32")
        self.maximum_likelihood = MaximumLikelihood(recipe, vocabulary, train, self.decoder)
        self.self_critical = SelfCritical(recipe, vocabulary, train, self.decoder, self.speaker)
        self.progress = Progress()

    def run_epoch(self) -> dict[str, float]:
        """Trains one epoch; the figures of its objective."""
        by_likelihood = self.progress.epoch < self.recipe.epochs
        objective = self.maximum_likelihood if by_likelihood else self.self_critical
        figures = objective.run_epoch(self.progress.epoch)
        self.progress.epoch += 1
        return figures

    def evaluate(self) -> dict[str, float]:
        """Dev perplexity and scores, by beam search as it is served, in float32."""
        copy_weights(self.decoder, self.speaker)
        candidates = describe(self.speaker, self.dev.look(0), self.vocabulary, self.recipe)
        return {
            "perplexity": perplexity(self.speaker, self.dev, self.vocabulary, self.recipe),
            **score([list(words) for words in candidates], self.dev.captions),
            "mean_length": float(np.mean([len(words) for words in candidates])),
            "distinct_captions": float(len(set(candidates))),
        }

    def save(self, path: Path) -> None:
        """Weights, optimizers and progress in one file that is never half written."""
        arrays = {
            f"{kind}_{index}": variable.numpy()
            for kind, variables in self._variables().items()
            for index, variable in enumerate(variables)
        }
        save_arrays(path, arrays | asdict(self.progress))

    def restore(self, path: Path) -> None:
        with np.load(path) as arrays:
            for kind, variables in self._variables().items():
                for index, variable in enumerate(variables):
                    variable.assign(arrays[f"{kind}_{index}"])
            self.progress = Progress(*(arrays[name].item() for name in asdict(self.progress)))

    def _variables(self) -> dict[str, list[Any]]:
        return {
            # Not `weights`: the states of the dropouts' random generators belong here too.
            "variables": self.decoder.variables,
            "maximum_likelihood": self.maximum_likelihood.optimizer.variables,
            "self_critical": self.self_critical.optimizer.variables,
        }


def build_decoder(
    recipe: Recipe, vocabulary_size: int, feature_size: int, policy: str
) -> ShowAndTell:
    """An untrained decoder with its variables made, computing under a Keras dtype policy."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        decoder = DECODERS[recipe.decoder](
            vocabulary_size,
            recipe.units,
            recipe.embedding,
            recipe.feature_dropout,
            recipe.dropout,
        )
        decoder(np.zeros((1, feature_size), np.float32), np.zeros((1, 1), np.int32))
    finally:
        keras.mixed_precision.set_global_policy(before)
    return decoder


def describe(
    decoder: ShowAndTell, features: np.ndarray, vocabulary: Vocabulary, recipe: Recipe
) -> list[tuple[str, ...]]:
    """The best caption of each row of features, float32 (photos, n)."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 2 * decoder.units)),
            tf.TensorSpec((None,), tf.int32),
        ]
    )
    def step(state, words):
        return decoder.step(state, words)

    def numpy_step(state: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probabilities, next_state = step(state, last)
        return log_probabilities.numpy(), next_state.numpy()

    rules = caption_rules(vocabulary, recipe.max_words, recipe.length_penalty)
    states = decoder.start(features).numpy()
    found = beam_search(states, numpy_step, recipe.beam_width, rules)
    return [vocabulary.decode(hypotheses[0].words) for hypotheses in found]


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """As np.savez, but the file appears only when it is whole."""
    half = path.with_name(f"{path.name}.half")
    with half.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(half, path)
