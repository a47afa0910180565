"""CNN encoders by name: architecture, input size, and where pretrained weights come from.

An encoder maps uint8 RGB photos to one pooled feature vector each, or to a map of them. Scaling
and normalisation are layers of the model, so training and serving cannot disagree about them.
docs/encoders.md has a table of all.
"""

from __future__ import annotations

import keras
from keras import layers

from training.encoders import applications, efficientnet_lite, inception_v4
from training.encoders.encoder import Encoder, Kernels, Weights, WeightsError
from training.encoders.weights import find_weights, read_weights

__all__ = [
    "ENCODERS",
    "Encoder",
    "Weights",
    "WeightsError",
    "build",
    "find_weights",
    "read_weights",
]

ENCODERS = {
    encoder.name: encoder
    for encoder in (
        *efficientnet_lite.ENCODERS,
        *inception_v4.ENCODERS,
        *applications.ENCODERS,
    )
}


def build(
    encoder: Encoder,
    weights: Weights | None,
    photo_size: int,
    batch_size: int | None = None,
    features: str = "pooled",
) -> keras.Model:
    """The encoder as a Keras model.

    Args:
        encoder: an entry of ENCODERS.
        weights: as read_weights() returns them; None leaves them random.
        photo_size: height and width of the photos given to the model, in pixels.
        batch_size: fixed batch size, which the LiteRT conversion needs; None for any.
        features: "pooled", or "grid" for a vector a cell, row by row, for decoders that attend. Of
            an EfficientNet-Lite that is what its EncoderStage takes, of the others what is pooled.

    Returns:
        A model from "photo", uint8 RGB (batch, photo_size, photo_size, 3) in 0..255, to
        {"pooled": float32 (batch, channels)} or {"grid": float32 (batch, cells, channels)}.

    Raises:
        WeightsError: the weights are not this encoder's.
    """
    if weights is not None:
        _check(encoder, weights)
    photo = keras.Input(
        (photo_size, photo_size, 3), batch_size=batch_size, dtype="uint8", name="photo"
    )
    x = encoder.normalise(photo)
    if photo_size != encoder.size:
        # Not by the layer Resizing, whose default training=True Keras 3.15 hands on to the layers
        # after it: batch normalisation would take its statistics from the photo.
        x = keras.ops.image.resize(x, (encoder.size, encoder.size), interpolation="bilinear")
    x = encoder.network(x, weights, features)
    if features == "grid":
        x = layers.Reshape((-1, x.shape[-1]))(x)
    else:
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(photo, {features: x}, name=encoder.name)


def _check(encoder: Encoder, weights: Weights) -> None:
    """Before anything is built: a network of another shape takes seconds to fail, and then with a
    message about some array."""
    kernels = Kernels.of(weights)
    if kernels == encoder.kernels:
        return
    for other in ENCODERS.values():
        if kernels == other.kernels:
            raise WeightsError(f"the weights are those of {other.name}, not of {encoder.name}")
    raise WeightsError(
        f"the weights have {kernels}, {encoder.name} has {encoder.kernels}, and no encoder here "
        "has the former"
    )
