"""The second objective: the score itself (Rennie et al. 2017, self-critical sequence training).

The decoder says several captions of a photo at random; those that CIDEr-D likes better than the
others become more likely. The others' mean is the baseline (Luo 2020, "A better variant of
self-critical sequence training"). Some maximum likelihood stays in the objective (as Paulus et al.
2018 mix the two, section 3.3): without it captions become short, and alike for many photos. The
decoder speaks at a temperature below 1: at 1 most of what it says is so bad that all it learns at
first is caution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import count

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import LENGTHS, Batch, Corpus, batches
from training.decoders import Decoder
from training.recipes import Recipe
from training.train.rewards import Rewards, advantages, until_end


class SelfCritical:
    """Policy gradient on CIDEr-D against the training captions."""

    def __init__(
        self,
        recipe: Recipe,
        vocabulary: Vocabulary,
        corpus: Corpus,
        decoder: Decoder,
        variables: Sequence[keras.Variable],
    ):
        """variables: those of the decoder that this stage trains."""
        self.recipe, self.stage = recipe, recipe.self_critical
        self.vocabulary, self.corpus = vocabulary, corpus
        self.first = vocabulary.encode([recipe.style])[0]
        self.decoder, self.variables = decoder, variables
        self.rewards = Rewards(corpus.captions, vocabulary)
        photos = len(corpus.captions)
        self.steps_per_epoch = -(-photos // self.stage.photos)
        self.optimizer = keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                self.stage.learning_rate,
                max(1, self.steps_per_epoch * self.stage.epochs),
                alpha=0.1,
            ),
            global_clipnorm=recipe.clip_norm,
        )
        self.optimizer.build(variables)
        self._say = tf.function(self._sample)
        self._train_step = tf.function(self._step)

    def run_epoch(self, epoch: int, nth: int) -> dict[str, float]:
        """Mean reward (CIDEr-D in percent) of the captions said.

        Args:
            epoch: number of the epoch in the whole training, from 0.
            nth: the same, in this stage.
        """
        random = np.random.default_rng([self.recipe.seed, epoch])
        order = random.permutation(len(self.corpus.captions))
        shown = tqdm(
            range(0, len(order), self.stage.photos),
            desc=f"epoch {epoch + 1}, self-critical",
            leave=False,
            disable=None,
        )
        rewards = [
            self._learn(order[at : at + self.stage.photos], written, random)
            for at, written in zip(shown, self._written(epoch), strict=False)
        ]
        return {"reward": float(np.mean(np.concatenate(rewards)))}

    def _written(self, epoch: int) -> Iterator[Batch]:
        """What people wrote, without end."""
        for nth in count(epoch):
            yield from batches(self.corpus, self.vocabulary, self.recipe, nth)

    def _learn(self, photos: np.ndarray, written: Batch, random: np.random.Generator) -> np.ndarray:
        """Says captions of these photos and learns from them; their rewards (photos, samples)."""
        views = random.integers(len(self.corpus.features.values), size=len(photos))
        features = self.corpus.look(views, photos)
        seed = random.integers(1 << 31, size=2).astype(np.int32)
        said = self._say(features, seed).numpy()
        mask = until_end(said, self.vocabulary.end)
        rewards = self.rewards.of(photos, said, mask)
        inputs = np.pad(said[:, :-1], ((0, 0), (1, 0)), constant_values=self.first)
        spoken = pad(Batch(features, inputs, said, mask * advantages(rewards)))
        self._train_step(astuple(spoken), np.asarray(mask.sum()), astuple(written))
        return rewards

    def _sample(self, features: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Captions said at random, int32 (photos × samples, time ≤ words + 1), until all have
        ended; what follows an end means nothing."""
        state, memory = self.decoder.start(features)
        state = tf.repeat(state, self.stage.samples, axis=0)
        words = tf.fill((tf.shape(state)[0],), self.first)
        ended = tf.zeros_like(words, tf.bool)
        said = tf.TensorArray(tf.int32, self.stage.words + 1)
        time = 0
        while time <= self.stage.words and not tf.reduce_all(ended):
            log_probabilities, state = self.decoder.step(state, words, memory)
            words = tf.random.stateless_categorical(
                log_probabilities / self.stage.temperature,
                1,
                seed + [time, 0],
                dtype=tf.int32,
            )[:, 0]
            ended = ended | (words == self.vocabulary.end)
            said = said.write(time, words)
            time += 1
        return tf.transpose(said.gather(tf.range(time)))

    def _step(
        self, spoken: tuple[tf.Tensor, ...], length: tf.Tensor, written: tuple[tf.Tensor, ...]
    ) -> None:
        with tf.GradientTape() as tape:
            temperature = self.stage.temperature
            reinforcement = self._cross_entropy(temperature, *spoken) / length
            likelihood = self._cross_entropy(1.0, *written) / tf.reduce_sum(written[-1])
            loss = reinforcement + self.stage.likelihood * likelihood
        gradients = tape.gradient(loss, self.variables)
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))

    def _cross_entropy(
        self,
        temperature: float,
        features: tf.Tensor,
        inputs: tf.Tensor,
        targets: tf.Tensor,
        weights: tf.Tensor,
    ) -> tf.Tensor:
        logits = self.decoder(features, inputs, training=self.stage.dropout)
        logits = tf.cast(logits, tf.float32) / temperature
        return cross_entropy(tf.nn.log_softmax(logits), targets, weights)


def pad(batch: Batch) -> Batch:
    """The batch made longer with words that count for nothing: each new length costs the training
    a new graph."""
    missing = ((0, 0), (0, -batch.mask.shape[1] % LENGTHS))
    padded = (np.pad(one, missing) for one in (batch.inputs, batch.targets, batch.mask))
    return Batch(batch.features, *padded)


def cross_entropy(
    log_probabilities: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    """Summed over all words with their weights, of log-probabilities (batch, time, vocabulary)."""
    return -tf.reduce_sum(tf.gather(log_probabilities, targets, axis=-1, batch_dims=2) * weights)
