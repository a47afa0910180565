"""Shows that an encoder builds, learns, converts and is served, with random weights.

Each encoder is followed by a small Show-and-Tell decoder, of which one gradient step is taken
through all its layers; then it is converted to int8 as training.data.compute does, and the LiteRT
interpreter, which serves, encodes a photo. A line of a table says how large it is, what the step
did to the loss, how near int8 comes to float (cosine of the features of photos that the calibration
did not see, the least of them), and the processor time that a photo takes. It says nothing of how
well an encoder sees: that takes trained weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from training.encoders import ENCODERS, Encoder, build
from training.encoders.int8 import convert_encoder

PHOTO_SIZE = 224
CALIBRATION_PHOTOS = 8
PHOTOS = 4
TIMED = 10
VOCABULARY = 50
UNITS = 32
LEARNING_RATE = 1e-4


def check(encoder: Encoder) -> dict[str, str]:
    """One row of the table: what is said of the encoder, by column."""
    keras.utils.set_random_seed(0)
    model = build(encoder, None, PHOTO_SIZE, batch_size=1)
    spread(model)
    before, after = learn(model, photos(1, PHOTO_SIZE, seed=1))
    graph = convert_encoder(model, photos(CALIBRATION_PHOTOS, PHOTO_SIZE, seed=2))
    serve = Interpreter(model_content=graph, num_threads=1).get_signature_runner()
    unseen = photos(PHOTOS, PHOTO_SIZE, seed=3)
    nearness = min(cosine(model(one[None])["pooled"], encode(serve, one)) for one in unseen)
    return {
        "encoder": encoder.name,
        "parameters": f"{model.count_params() / 1e6:.2f} M",
        "pooled": str(model.outputs[0].shape[-1]),
        "grid": "×".join(map(str, encoder.grid_shape)),
        "loss": f"{before:.3f} → {after:.3f}",
        "int8": f"{len(graph) / 1e6:.1f} MB",
        "cosine": f"{nearness:.3f}",
        "a photo": f"{1000 * least_time(lambda: encode(serve, unseen[0])):.0f} ms",
    }


def photos(number: int, size: int, seed: int) -> np.ndarray:
    """Smooth noise: uint8 (number, size, size, 3)."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (number, 7, 7, 3))
    return tf.cast(tf.image.resize(coarse, (size, size), "bicubic"), tf.uint8).numpy()


def spread(model: keras.Model) -> None:
    """Kernels after He et al. 2015, so that a photo is still to be seen after a hundred layers."""
    random = np.random.default_rng(0)
    for layer in model.layers:
        weights = layer.get_weights()
        depthwise = isinstance(layer, (keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D))
        for index, array in enumerate(weights):
            if array.ndim == 4:
                inputs = 1 if depthwise and index == 0 else array.shape[2]
                deviation = np.sqrt(2 / (array.shape[0] * array.shape[1] * inputs))
                weights[index] = random.normal(0, deviation, array.shape)
        layer.set_weights(weights)


def learn(model: keras.Model, photo: np.ndarray) -> tuple[float, float]:
    """The loss of a caption before and after one step down its gradient by the whole network."""
    words = tf.range(1, 9)[None]
    decoder = tiny_decoder(model.outputs[0].shape[-1])

    def loss() -> tf.Tensor:
        features = model(photo)["pooled"]
        # Of random weights, features may have any size.
        logits = decoder([features / tf.norm(features), words[:, :-1]])
        return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(words, logits, True))

    with tf.GradientTape() as tape:
        before = loss()
    variables = [*model.trainable_variables, *decoder.trainable_variables]
    gradients = tape.gradient(before, [variable.value for variable in variables])
    keras.optimizers.Adam(LEARNING_RATE).apply(gradients, variables)
    return float(before), float(loss())


def tiny_decoder(channels: int) -> keras.Model:
    """Show and Tell (Vinyals et al. 2015) of 32 units: features (batch, channels) and words (batch,
    time) to logits (batch, 1 + time, words)."""
    features = keras.Input((channels,))
    words = keras.Input((None,), dtype="int32")
    image = layers.Reshape((1, UNITS))(layers.Dense(UNITS)(features))
    inputs = layers.Concatenate(axis=1)([image, layers.Embedding(VOCABULARY, UNITS)(words)])
    outputs = layers.LSTM(UNITS, return_sequences=True)(inputs)
    return keras.Model([features, words], layers.Dense(VOCABULARY)(outputs))


def encode(serve: Callable, photo: np.ndarray) -> np.ndarray:
    return serve(photo=photo[None])["pooled"]


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    first, second = np.ravel(first), np.ravel(second)
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def least_time(action: Callable[[], object]) -> float:
    """Seconds of processor time, which other programs hardly disturb: the least of a few."""
    times = []
    for _ in range(TIMED):
        begin = time.process_time()
        action()
        times.append(time.process_time() - begin)
    return min(times)


def table(name: str) -> str:
    """The rows of an encoder, or of all for "all", as a Markdown table.

    Raises:
        ValueError: there is no such encoder.
    """
    if name != "all" and name not in ENCODERS:
        raise ValueError(f"there is no encoder {name!r}; there are {', '.join(ENCODERS)}")
    lines: list[str] = []
    for one in ENCODERS if name == "all" else [name]:
        row = check(ENCODERS[one])
        lines = lines or [f"| {' | '.join(row)} |", f"|{' --- |' * len(row)}"]
        lines.append(f"| {' | '.join(row.values())} |")
        keras.backend.clear_session()
    return "\n".join(lines) + "\n"
