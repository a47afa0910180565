"""One process of tests/training/test_distributed.py, which trains on two devices together."""

import sys
from pathlib import Path

import keras
import tensorflow as tf

from training.recipes import Likelihood, Recipe
from training.train.distributed import spread_seeds
from training.train.train import train

RECIPE = Recipe(
    "en",
    units=16,
    embedding=16,
    # Drawn differently by each device, so that two would not do what one does.
    feature_dropout=0.0,
    dropout=0.0,
    # Not to be divided by two, nor does it divide the seven photos.
    photos=3,
    captions_each=3,
    likelihood=Likelihood(epochs=3),
    # Small enough that each step is clipped, which has to be by the norm of the sum.
    clip_norm=0.1,
    mixed_precision=False,
    max_words=6,
)


def pretend_two_gpus() -> tf.distribute.Strategy:
    """Makes two devices of the processor, on which to train then."""
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    train.choose_strategy = lambda recipe: strategy
    return strategy


def print_seeds(strategy: tf.distribute.Strategy) -> None:
    """What becomes of the seed 7 on each device."""
    with strategy.scope():
        seed = keras.random.SeedGenerator(7).state
    spread_seeds(strategy, [seed])
    seeds = strategy.experimental_local_results(seed.value)
    print("seeds", [one.numpy().tolist() for one in seeds])


if __name__ == "__main__":
    kind, *folders = sys.argv[1:]
    if kind == "gpus":
        print_seeds(pretend_two_gpus())
    train.train(RECIPE, *map(Path, folders))
