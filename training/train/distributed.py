"""One training on several devices: the GPUs of a machine, or the machines that TF_CONFIG names.

Every device trains a copy of the decoder (a replica) on its part of each batch; gradients are
summed, so the copies stay the same. docs/distributed.md has the commands.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from training.data.corpus import Batch
from training.recipes import Recipe


def choose_strategy(recipe: Recipe) -> tf.distribute.Strategy:
    """All machines of TF_CONFIG, else all GPUs of this one, else the one device there is.

    Has to come before TensorFlow computes anything: connecting to the other machines does.

    Raises:
        ValueError: TF_CONFIG names several machines, and the recipe cannot be trained on them.
    """
    rewarded = recipe.self_critical.epochs > 0
    if count_machines() > 1:
        if rewarded:
            raise ValueError(
                "self-critical training runs on one machine only, and TF_CONFIG names several; "
                "train this recipe without TF_CONFIG, or one whose self_critical.epochs is 0"
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus > 1 and rewarded:
        print(f"one GPU of {gpus} is used: self-critical training runs on one")
    elif gpus > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def count_machines() -> int:
    """In TF_CONFIG; 0 where it is not set."""
    cluster = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec().as_dict()
    return len(cluster.get("chief", ())) + len(cluster.get("worker", ()))


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process keeps the run folder: one of all machines does."""
    return strategy.extended.should_checkpoint


def follow_chief(strategy: tf.distribute.Strategy, variables: Sequence[keras.Variable]) -> None:
    """Gives the variables of all machines the chief's values."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        for variable in variables:
            variable.assign(from_chief(strategy, variable.numpy()))


def from_chief(strategy: tf.distribute.Strategy, array: np.ndarray) -> np.ndarray:
    """What the chief passes here, for all: every machine has to call this at the same time."""

    def passed(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        first = context.replica_id_in_sync_group == 0
        return tf.constant(array if first else np.zeros_like(array))

    values = strategy.experimental_distribute_values_from_function(passed)
    return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None).numpy()


def distribute(strategy: tf.distribute.Strategy, batch: Batch) -> tuple[tf.Tensor, ...]:
    """Features, inputs, targets and mask of a batch, its part for each replica of this machine."""
    replicas = strategy.num_replicas_in_sync

    def part(context: tf.distribute.experimental.ValueContext) -> tuple[tf.Tensor, ...]:
        own = split(batch, context.replica_id_in_sync_group, replicas)
        return tuple(map(tf.constant, (own.features, own.inputs, own.targets, own.mask)))

    return strategy.experimental_distribute_values_from_function(part)


def split(batch: Batch, part: int, parts: int) -> Batch:
    """One of so many parts of a batch, all of one size: every replica has to take part in every
    step. Where photos are missing for that, the first stands in, with captions that count for
    nothing."""
    photos = len(batch.features)
    each, size = len(batch.inputs) // photos, -(-photos // parts)
    wanted = np.arange(part * size, (part + 1) * size)
    there = wanted < photos
    own = np.where(there, wanted, 0)
    rows = (own[:, None] * each + np.arange(each)).ravel()
    mask = batch.mask[rows] * np.repeat(there, each)[:, None]
    return Batch(batch.features[own], batch.inputs[rows], batch.targets[rows], mask)


def spread_seeds(strategy: tf.distribute.Strategy, seeds: Sequence[keras.Variable]) -> None:
    """Gives each replica random numbers of its own: the first keeps its seeds."""

    def spread() -> None:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        for seed in seeds:
            seed.value.assign_add(tf.stack([tf.cast(replica, seed.value.dtype), 0]))

    strategy.run(tf.function(spread))


class Adam(keras.optimizers.Adam):
    """Adam that clips the sum of all replicas' gradients. Keras would clip each replica's before
    it sums them, and so train otherwise than one device does."""

    def _clip_gradients(self, grads: list[tf.Tensor]) -> list[tf.Tensor]:
        return super()._clip_gradients(sum_replicas(grads))

    def _all_reduce_sum_gradients(self, grads_and_vars: list[tuple]) -> list[tuple]:
        return grads_and_vars


def sum_replicas(values):
    """The sums of tensors over all replicas, for a replica in the middle of a step."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
