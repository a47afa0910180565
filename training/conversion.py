"""Trained networks in the forms they are served in: LiteRT int8, and a frozen TensorFlow graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from training.decoders import ShowAndTell

SMALLEST_HALVED = 1024
"""Constants of fewer numbers stay float32: halving them saves nothing."""


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
        """From features of the same photos, each float32 (photos, n)."""
        deviation = float_features.std(axis=0)
        still = deviation < 1e-6
        scale = np.where(still, 1, int8_features.std(axis=0) / np.where(still, 1, deviation))
        shift = int8_features.mean(axis=0) - scale * float_features.mean(axis=0)
        return cls(scale.astype(np.float32), shift.astype(np.float32))


def convert_encoder(model: keras.Model, calibration: Iterable[np.ndarray]) -> bytes:
    """An encoder as a LiteRT graph with int8 weights and activations.

    Args:
        model: from training.encoders.build(), its batch size fixed at 1.
        calibration: uint8 RGB photos of the model's size, from which the activations' ranges are
            taken.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([photo[None]] for photo in calibration)
    return converter.convert()


def convert_decoder(decoder: ShowAndTell, feature_size: int) -> bytes:
    """A decoder as a LiteRT graph with int8 weights, and its signatures `start` and `step`."""
    module = tf.Module()
    # A SavedModel needs to know the variables, not the Keras model, which it would try to call.
    module.tracked = [variable.value for variable in decoder.variables]

    @tf.function(input_signature=[tf.TensorSpec((1, feature_size), name="features")])
    def start(features):
        return {"state": decoder.start(features)}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 2 * decoder.units), name="state"),
            tf.TensorSpec((None,), tf.int32, name="words"),
        ]
    )
    def step(state, words):
        log_probabilities, state = decoder.step(state, words)
        return {"log_probabilities": log_probabilities, "state": state}

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"start": start, "step": step})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["start", "step"]
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()


def freeze(
    encoder: keras.Model, decoders: dict[str, ShowAndTell], matching: Matching
) -> tf.compat.v1.GraphDef:
    """Encoder and decoders as one frozen graph; its tensors' names are those an engine reads."""
    feature_size = len(matching.scale)
    signature = {
        "photo": tf.TensorSpec(encoder.inputs[0].shape, tf.uint8, name="photo"),
        "features": tf.TensorSpec((1, feature_size), name="features"),
    }
    for language, decoder in decoders.items():
        signature[f"{language}_state"] = tf.TensorSpec(
            (None, 2 * decoder.units), name=f"{language}_state"
        )
        signature[f"{language}_words"] = tf.TensorSpec((None,), tf.int32, name=f"{language}_words")

    @tf.function
    def everything(**inputs):
        features = encoder(inputs["photo"])["features"]
        outputs = {"features_out": features * matching.scale + matching.shift}
        for language, decoder in decoders.items():
            outputs[f"{language}_start_state"] = decoder.start(inputs["features"])
            log_probabilities, state = decoder.step(
                inputs[f"{language}_state"], inputs[f"{language}_words"]
            )
            outputs[f"{language}_log_probabilities"] = log_probabilities
            outputs[f"{language}_next_state"] = state
        return {name: tf.identity(value, name=name) for name, value in outputs.items()}

    frozen = convert_variables_to_constants_v2(everything.get_concrete_function(**signature))
    return _halved(frozen.graph.as_graph_def())


def _halved(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """The graph with its large constants stored as float16 and cast back when it is loaded."""
    halved = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        added = halved.node.add()
        added.CopyFrom(node)
        if node.op != "Const" or node.attr["dtype"].type != tf.float32.as_datatype_enum:
            continue
        values = tf.make_ndarray(node.attr["value"].tensor)
        if values.size < SMALLEST_HALVED:
            continue
        added.name = f"{node.name}/half"
        added.attr["dtype"].type = tf.float16.as_datatype_enum
        added.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values.astype(np.float16)))
        cast = halved.node.add(name=node.name, op="Cast", input=[added.name])
        cast.attr["SrcT"].type = tf.float16.as_datatype_enum
        cast.attr["DstT"].type = tf.float32.as_datatype_enum
    return halved
