"""The first objective: the words that people wrote become likely (Vinyals et al. 2015)."""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from app.captioning.vocabulary import Vocabulary
from training.corpus import Corpus, batches
from training.decoders import ShowAndTell
from training.recipes import Recipe


class MaximumLikelihood:
    """Cross-entropy with label smoothing (Szegedy et al. 2016, section 7) and dropout."""

    def __init__(
        self, recipe: Recipe, vocabulary: Vocabulary, corpus: Corpus, decoder: ShowAndTell
    ):
        self.recipe, self.vocabulary, self.corpus = recipe, vocabulary, corpus
        self.decoder = decoder
        self.steps_per_epoch = sum(1 for _ in batches(corpus, vocabulary, recipe, 0))
        self.optimizer = keras.optimizers.Adam(
            learning_rate_schedule(recipe, self.steps_per_epoch), global_clipnorm=recipe.clip_norm
        )
        self.optimizer.build(decoder.trainable_variables)
        self._train_step = tf.function(self._step)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Mean loss and perplexity a word, as trained (with dropout)."""
        totals = np.zeros(3)
        shown = tqdm(
            batches(self.corpus, self.vocabulary, self.recipe, epoch),
            desc=f"epoch {epoch + 1}, maximum likelihood",
            total=self.steps_per_epoch,
            leave=False,
            disable=None,
        )
        for batch in shown:
            step = self._train_step(batch.features, batch.inputs, batch.targets, batch.mask)
            totals += [float(value) for value in step]
            if not np.isfinite(totals[0]):
                raise FloatingPointError("the loss is no longer a number; lower learning_rate")
        loss, entropy, count = totals
        return {"loss": loss / count, "perplexity": math.exp(entropy / count)}

    def _step(
        self, features: tf.Tensor, inputs: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        smoothing = self.recipe.label_smoothing
        with tf.GradientTape() as tape:
            logits = tf.cast(self.decoder(features, inputs, training=True), tf.float32)
            log_probabilities = tf.nn.log_softmax(logits)
            entropy = cross_entropy(log_probabilities, targets, mask)
            uniform = -tf.reduce_sum(tf.reduce_mean(log_probabilities, axis=-1) * mask)
            loss = (1 - smoothing) * entropy + smoothing * uniform
            count = tf.reduce_sum(mask)
            mean = loss / count
        variables = self.decoder.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(mean, variables), variables, strict=True))
        return loss, entropy, count


def perplexity(
    decoder: ShowAndTell, corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe
) -> float:
    """A word, of all captions of a corpus."""
    entropy = count = 0.0
    for batch in batches(corpus, vocabulary, recipe, 0):
        log_probabilities = tf.nn.log_softmax(decoder(batch.features, batch.inputs))
        entropy += float(cross_entropy(log_probabilities, batch.targets, batch.mask))
        count += float(batch.mask.sum())
    return math.exp(entropy / count)


def cross_entropy(
    log_probabilities: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    """Summed over all words with their weights, of log-probabilities (batch, time, vocabulary)."""
    return -tf.reduce_sum(tf.gather(log_probabilities, targets, axis=-1, batch_dims=2) * weights)


def learning_rate_schedule(
    recipe: Recipe, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Warm-up, then a cosine, over exactly the steps that this dataset gives."""
    steps = steps_per_epoch * recipe.epochs
    warm_up = round(recipe.warm_up * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm_up),
        alpha=0.01,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
    )
