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
from tqdm import tqdm

from app.captioning.beam_search import beam_search
from app.captioning.captioner import caption_rules
from app.captioning.vocabulary import Vocabulary
from training.corpus import Corpus, batches
from training.decoders import DECODERS, ShowAndTell
from training.metrics import score
from training.recipes import Recipe


@dataclass
class Progress:
    """Where a training is, kept beside its weights."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_cider: float = -math.inf


class Trainer:
    """One decoder, its optimizer, and the run folder they are kept in."""

    def __init__(self, recipe: Recipe, vocabulary: Vocabulary, train: Corpus, dev: Corpus):
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.vocabulary, self.train, self.dev = recipe, vocabulary, train, dev
        size = train.features.values.shape[-1]
        self.decoder = build_decoder(
            recipe, len(vocabulary), size, "mixed_bfloat16" if recipe.mixed_precision else "float32"
        )
        self.decoder.standardise.adapt(train.features.values[0])
        self.reader = build_decoder(recipe, len(vocabulary), size, "float32")
        self.steps_per_epoch = sum(1 for _ in batches(train, vocabulary, recipe, 0))
        self.optimizer = keras.optimizers.Adam(
            learning_rate_schedule(recipe, self.steps_per_epoch), global_clipnorm=recipe.clip_norm
        )
        self.optimizer.build(self.decoder.trainable_variables)
        self.progress = Progress()
        self._train_step = tf.function(self._step)

    def run_epoch(self) -> dict[str, float]:
        """Trains one epoch; mean loss and perplexity a word, as trained (with dropout)."""
        totals = np.zeros(3)
        shown = tqdm(
            batches(self.train, self.vocabulary, self.recipe, self.progress.epoch),
            desc=f"epoch {self.progress.epoch + 1}/{self.recipe.epochs}",
            total=self.steps_per_epoch,
            leave=False,
        )
        for batch in shown:
            step = self._train_step(batch.features, batch.inputs, batch.targets, batch.mask)
            totals += [float(value) for value in step]
            self.progress.step += 1
            if not np.isfinite(totals[0]):
                raise FloatingPointError("the loss is no longer a number; lower learning_rate")
        self.progress.epoch += 1
        loss, entropy, count = totals
        return {"loss": loss / count, "perplexity": math.exp(entropy / count)}

    def evaluate(self) -> dict[str, float]:
        """Dev perplexity and scores, by beam search as it is served, in float32."""
        self._refresh_reader()
        features = np.asarray(self.dev.features.values[0], np.float32)
        candidates = describe(self.reader, features, self.vocabulary, self.recipe)
        return {
            "perplexity": self._dev_perplexity(),
            **score([list(words) for words in candidates], self.dev.captions),
            "mean_length": float(np.mean([len(words) for words in candidates])),
            "distinct_captions": float(len(set(candidates))),
        }

    def save(self, path: Path) -> None:
        """Weights, optimizer and progress in one file that is never half written."""
        arrays = {
            f"{kind}_{index}": variable.numpy()
            for kind, variables in self._variables().items()
            for index, variable in enumerate(variables)
        }
        save_arrays(path, arrays | {name: value for name, value in asdict(self.progress).items()})

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
            "optimizer": self.optimizer.variables,
        }

    def _step(
        self, features: tf.Tensor, inputs: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = tf.cast(self.decoder(features, inputs, training=True), tf.float32)
            loss, entropy = self._losses(logits, targets, mask)
            count = tf.reduce_sum(mask)
            mean = loss / count
        variables = self.decoder.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(mean, variables), variables, strict=True))
        return loss, entropy, count

    def _losses(
        self, logits: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Summed loss with label smoothing (Szegedy et al. 2016, section 7), and without."""
        log_probabilities = tf.nn.log_softmax(logits)
        entropy = -tf.gather(log_probabilities, targets, axis=-1, batch_dims=2) * mask
        uniform = -tf.reduce_mean(log_probabilities, axis=-1) * mask
        smoothing = self.recipe.label_smoothing
        entropy = tf.reduce_sum(entropy)
        return (1 - smoothing) * entropy + smoothing * tf.reduce_sum(uniform), entropy

    def _dev_perplexity(self) -> float:
        entropy = count = 0.0
        for batch in batches(self.dev, self.vocabulary, self.recipe, 0):
            logits = self.reader(batch.features, batch.inputs)
            entropy += float(self._losses(logits, batch.targets, batch.mask)[1])
            count += float(batch.mask.sum())
        return math.exp(entropy / count)

    def _refresh_reader(self) -> None:
        for mine, trained in zip(self.reader.weights, self.decoder.weights, strict=True):
            mine.assign(trained.value)


def learning_rate_schedule(
    recipe: Recipe, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Warm-up, then a cosine, over exactly the steps that this dataset gives."""
    steps = steps_per_epoch * recipe.epochs
    warm_up = round(recipe.warm_up * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - warm_up,
        alpha=0.01,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
    )


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
