"""An encoder in int8, as it is served, and what takes the float one's features to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Matching:
    """What takes the float encoder's features to those of the int8 one, which decoders learn from:
    rounding moves each feature's mean and deviation a little (Nagel et al. 2019, section 4.2, take
    the same shift out of the int8 side)."""

    scale: np.ndarray
    """float32 (n,)"""
    shift: np.ndarray
    """float32 (n,)"""

    @classmethod
    def of(cls, float_features: np.ndarray, int8_features: np.ndarray) -> Matching:
        """From features of the same photos, each float32 (photos, n) or (photos, cells, n)."""
        channels = float_features.shape[-1]
        before, after = (one.reshape(-1, channels) for one in (float_features, int8_features))
        deviation = before.std(axis=0)
        still = deviation < 1e-6
        scale = np.where(still, 1, after.std(axis=0) / np.where(still, 1, deviation))
        shift = after.mean(axis=0) - scale * before.mean(axis=0)
        return cls(scale.astype(np.float32), shift.astype(np.float32))


def convert_encoder(model: keras.Model, calibration: Iterable[np.ndarray] | None = None) -> bytes:
    """An encoder as a LiteRT graph with int8 weights and activations.

    Args:
        model: from training.encoders.build(), its batch size fixed at 1.
        calibration: uint8 RGB photos of the model's size, from which the activations' ranges are
            taken; None leaves the ranges to be taken from each photo as it is encoded.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibration is not None:
        converter.representative_dataset = lambda: ([photo[None]] for photo in calibration)
    return converter.convert()
