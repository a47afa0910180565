"""One training on several devices, by Keras' own distribution (keras.distribution, on JAX).

Every device has the whole model and takes its part of each batch. Several machines are told of each
other by Keras' variables KERAS_DISTRIBUTION_JOB_ADDRESSES, …_NUM_PROCESSES and …_PROCESS_ID;
docs/distributed.md has the commands. On TensorFlow there is one device.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
PROCESS = "KERAS_DISTRIBUTION_PROCESS_ID"


def process_count() -> int:
    return int(os.environ.get(PROCESSES, "1"))


def is_chief() -> bool:
    """Whether this process evaluates and writes the run folder: one of all does."""
    return int(os.environ.get(PROCESS, "0")) == 0


def device_count() -> int:
    """Of all processes together."""
    return len(_devices())


def begin() -> None:
    """Has to come before anything is computed: it connects the processes, and spreads what is made
    afterwards over all devices."""
    if process_count() > 1:
        keras.distribution.initialize()
    devices = _devices()
    if len(devices) > 1:
        spread = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        keras.distribution.set_distribution(spread)


@contextmanager
def on_one_device() -> Iterator[None]:
    """What is made and computed inside is this process's own."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def check_batch_size(batch_size: int) -> None:
    """Raises ValueError where a batch cannot be shared equally."""
    if batch_size % device_count():
        raise ValueError(
            f"a batch of {batch_size} photos cannot be shared by {device_count()} devices: use as "
            "many as divide it, or another batch_size"
        )


def own_part(batch: Any) -> Any:
    """A batch's part for this process, of arrays nested in dictionaries."""
    if isinstance(batch, dict):
        return {name: own_part(value) for name, value in batch.items()}
    size = len(batch) // process_count()
    first = int(os.environ.get(PROCESS, "0")) * size
    return batch[first : first + size]


def arguments(batch: Any) -> tuple[Any, ...]:
    """What Keras' train_on_batch() is given for a batch. Where it distributes, it stumbles over
    absent labels and weights (Keras 3.12), which nobody reads here."""
    if keras.distribution.distribution() is None:
        return (batch,)
    unread = np.ones(device_count() // process_count(), np.float32)
    return batch, unread, unread


def wait_for_all(reason: str) -> None:
    """Returns when every process has come here."""
    if process_count() > 1:
        from jax.experimental.multihost_utils import sync_global_devices

        sync_global_devices(reason)


def _devices() -> list[str]:
    return keras.distribution.list_devices() if keras.backend.backend() == "jax" else ["cpu:0"]
