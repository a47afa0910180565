"""The first objective: the words that people wrote become likely (Vinyals et al. 2015)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus, batches
from training.decoders import Decoder
from training.recipes import Likelihood, Recipe
from training.train.distributed import Adam, distribute, sum_replicas
from training.train.schedule import learning_rate_schedule


class MaximumLikelihood:
    """Cross-entropy with label smoothing (Szegedy et al. 2016, section 7) and dropout, and, where
    the recipe says so, scheduled sampling (Bengio et al. 2015).

    Sampling is done for all words of a caption at once, from what the decoder says of the written
    words (Mihaylova & Martins 2019, section 3), not word after word.
    """

    def __init__(
        self,
        recipe: Recipe,
        stage: Likelihood,
        vocabulary: Vocabulary,
        corpus: Corpus,
        decoder: Decoder,
        variables: Sequence[keras.Variable],
    ):
        """variables: those of the decoder that this stage trains."""
        self.recipe, self.stage = recipe, stage
        self.vocabulary, self.corpus, self.decoder = vocabulary, corpus, decoder
        self.variables = variables
        self.steps_per_epoch = math.ceil(len(corpus.captions) / recipe.photos)
        self.strategy = tf.distribute.get_strategy()
        self.optimizer = Adam(
            learning_rate_schedule(stage, self.steps_per_epoch), global_clipnorm=recipe.clip_norm
        )
        self.optimizer.build(variables)
        self._train_step = self._on_all_replicas(self._step)
        self._mix = self._on_all_replicas(self._mixed)

    def run_epoch(self, epoch: int, nth: int) -> dict[str, float]:
        """Mean loss and perplexity a word, as trained (with dropout).

        Args:
            epoch: number of the epoch in the whole training, from 0.
            nth: the same, in this stage.
        """
        totals = np.zeros(3)
        share = np.float32(self.stage.scheduled_sampling * nth / max(1, self.stage.epochs - 1))
        shown = tqdm(
            batches(self.corpus, self.vocabulary, self.recipe, epoch),
            desc=f"epoch {epoch + 1}, maximum likelihood",
            total=self.steps_per_epoch,
            leave=False,
            disable=None,
        )
        for at, batch in enumerate(shown):
            features, inputs, targets, mask = distribute(self.strategy, batch)
            if share:
                inputs = self._mix(features, inputs, share, np.array([epoch, at], np.int32))
            count = batch.mask.sum()
            sums = self._train_step(features, inputs, targets, mask, count)
            totals += [*(self.strategy.experimental_local_results(one)[0] for one in sums), count]
            if not np.isfinite(totals[0]):
                raise FloatingPointError("the loss is no longer a number; lower learning_rate")
        loss, entropy, count = totals
        return {"loss": loss / count, "perplexity": math.exp(entropy / count)}

    def _on_all_replicas(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return tf.function(lambda *arguments: self.strategy.run(step, args=arguments))

    def _mixed(
        self, features: tf.Tensor, inputs: tf.Tensor, share: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The words read, a share of them replaced by what the decoder says in their place."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        for_words, for_places = tf.unstack(tf.random.split(tf.random.fold_in(seed, replica)))
        logits = tf.cast(self.decoder(features, inputs, training=True), tf.float32)
        noise = tf.random.stateless_uniform(tf.shape(logits), for_words, 1e-9, 1.0)
        said = tf.argmax(logits - tf.math.log(-tf.math.log(noise)), -1, tf.int32)
        said = tf.concat([inputs[:, :1], said[:, :-1]], axis=1)
        ours = tf.random.stateless_uniform(tf.shape(inputs), for_places) < share
        return tf.where(ours, said, inputs)

    def _step(
        self,
        features: tf.Tensor,
        inputs: tf.Tensor,
        targets: tf.Tensor,
        mask: tf.Tensor,
        count: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Summed loss and entropy of all replicas' captions, which have so many words."""
        smoothing = self.stage.label_smoothing
        with tf.GradientTape() as tape:
            said, others = self.decoder.log_likelihood(features, inputs, targets, training=True)
            entropy, uniform = -tf.reduce_sum(said * mask), -tf.reduce_sum(others * mask)
            loss = (1 - smoothing) * entropy + smoothing * uniform
            mean = loss / count
        gradients = tape.gradient(mean, self.variables)
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))
        return sum_replicas((loss, entropy))


def perplexity(decoder: Decoder, corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe) -> float:
    """A word, of the captions of a corpus."""
    entropy = count = 0.0
    log_likelihood = tf.function(decoder.log_likelihood)
    for batch in batches(corpus, vocabulary, recipe, 0):
        said, _ = log_likelihood(batch.features, batch.inputs, batch.targets)
        entropy -= float(tf.reduce_sum(said * batch.mask))
        count += float(batch.mask.sum())
    return math.exp(entropy / count)
