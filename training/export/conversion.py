"""Trained networks in the forms they are served in: LiteRT int8, and a frozen TensorFlow graph."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from app.captioning.detector import REGIONS, ROW
from training.decoders import Decoder, Ensemble
from training.decoders.base import Memory
from training.decoders.front import Front, Grounded, Tail
from training.encoders.detector import Detector, photo_signature

SMALLEST_SHRUNK = 1024
"""Constants of fewer numbers stay float32: int8 would save nothing."""


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


def convert_tail(tail: Tail, map_shape: tuple[int, ...]) -> bytes:
    """The encoder's tail as a LiteRT graph with int8 weights, from a map (cells, n) to packed
    features."""

    @tf.function(input_signature=[tf.TensorSpec((1, *map_shape), name="features")])
    def look(features):
        return {"features": tail.pack(tail(features))}

    return _convert(tail.variables, {"look": look})


def convert_decoder(decoder: Decoder | Ensemble, feature_shape: tuple[int, ...]) -> bytes:
    """A decoder, without the encoder's tail, as a LiteRT graph with int8 weights, and its
    signatures `start` and `step`.

    Args:
        feature_shape: of one photo as it is served, from served_shape().
    """

    @tf.function(input_signature=[tf.TensorSpec((1, *feature_shape), name="features")])
    def start(features):
        return _named(*_begin(decoder, features))

    @tf.function
    def step(**inputs):
        log_probabilities, state = decoder.step(*map(inputs.get, ("state", "words", "memory")))
        return {"log_probabilities": log_probabilities, "state": state}

    concrete = step.get_concrete_function(**_step_signature(decoder, feature_shape))
    return _convert(decoder.variables, {"start": start, "step": concrete})


def served_tail(front: Front) -> Tail | None:
    """The encoder's tail, where it is served: the decoder's own, or the one that its features have
    passed."""
    if isinstance(front, Grounded):
        return front.tail
    return front if isinstance(front, Tail) else None


def served_shape(map_shape: tuple[int, ...], front: Front) -> tuple[int, ...]:
    """Of what a photo's encoding is when it is served: a tail packs what it sees of a map, and
    regions follow it."""
    tail = served_tail(front)
    if not tail:
        return map_shape
    (packed,) = tail.pack(tail(tf.zeros((1, *map_shape)))).shape[1:]
    return (packed + REGIONS * ROW if isinstance(front, Grounded) else packed,)


def freeze(
    encoder: keras.Model,
    decoders: Mapping[str, Decoder | Ensemble],
    matching: Matching,
    detector: Detector | None = None,
) -> tf.compat.v1.GraphDef:
    """Encoder, decoders and detector as one frozen graph; its tensors' names are those an engine
    reads. All decoders have the same front."""
    front = next(iter(decoders.values())).front
    tail = served_tail(front)
    shape = served_shape(tuple(encoder.outputs[0].shape[1:]), front)
    signature = {
        "photo": tf.TensorSpec(encoder.inputs[0].shape, tf.uint8, name="photo"),
        **({"detector_photo": photo_signature("detector_photo")} if detector else {}),
        "features": tf.TensorSpec((1, *shape), name="features"),
    }
    for language, decoder in decoders.items():
        for name, spec in _step_signature(decoder, shape).items():
            full = f"{language}_{name}"
            signature[full] = tf.TensorSpec(spec.shape, spec.dtype, name=full)

    @tf.function
    def everything(**inputs):
        features = encoder(inputs["photo"], training=False)["features"]
        features = features * matching.scale + matching.shift
        outputs = {"features_out": tail.pack(tail(features)) if tail else features}
        if detector:
            for name, value in detector(inputs["detector_photo"]).items():
                outputs[f"detector_{name}"] = value
        for language, decoder in decoders.items():
            started = _named(*_begin(decoder, inputs["features"]))
            for name, value in started.items():
                outputs[f"{language}_start_{name}"] = value
            log_probabilities, state = decoder.step(
                *(inputs.get(f"{language}_{name}") for name in ("state", "words", "memory"))
            )
            outputs[f"{language}_log_probabilities"] = log_probabilities
            outputs[f"{language}_next_state"] = state
        return {name: tf.identity(value, name=name) for name, value in outputs.items()}

    frozen = convert_variables_to_constants_v2(everything.get_concrete_function(**signature))
    return _shrunk(frozen.graph.as_graph_def())


def _convert(variables: Iterable[Any], signatures: dict[str, Any]) -> bytes:
    """A LiteRT graph with int8 weights."""
    module = tf.Module()
    # A SavedModel needs to know the variables, not the Keras model, which it would try to call.
    module.tracked = [variable.value for variable in variables]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(signatures)
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()


def _begin(decoder: Decoder | Ensemble, features: tf.Tensor) -> tuple[tf.Tensor, Memory]:
    """decoder.start(), after the tail where the encoder is served with it."""
    front = decoder.front
    seen = front.unpack(features) if isinstance(front, Tail) else front(features)
    return decoder.begin(seen)


def _named(state: tf.Tensor, memory: tf.Tensor | None) -> dict[str, tf.Tensor]:
    """What start() returns, by names; a decoder that does not attend has no memory."""
    return {"state": state} | ({} if memory is None else {"memory": memory})


def _step_signature(
    decoder: Decoder | Ensemble, feature_shape: tuple[int, ...]
) -> dict[str, tf.TensorSpec]:
    _, memory = _begin(decoder, tf.zeros((1, *feature_shape)))
    signature = {
        "state": tf.TensorSpec((None, decoder.state_size), name="state"),
        "words": tf.TensorSpec((None,), tf.int32, name="words"),
    }
    if memory is not None:
        signature["memory"] = tf.TensorSpec(memory.shape, name="memory")
    return signature


def _shrunk(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """The graph with its large constants stored as int8, and made float32 when it is loaded.

    Each output channel has a scale of its own, as in the LiteRT graphs: both say nearly the same.
    """
    shrunk = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        values = _large_constant(node)
        if values is None:
            shrunk.node.add().CopyFrom(node)
            continue
        # A depthwise kernel's channels are its third axis; its fourth is 1.
        channels = 2 if values.ndim == 4 and values.shape[3] == 1 else values.ndim - 1
        others = tuple(axis for axis in range(values.ndim) if axis != channels)
        scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12) / 127
        rounded = np.round(values / scale).astype(np.int8)
        _constant(shrunk, f"{node.name}/int8", rounded)
        _constant(shrunk, f"{node.name}/scale", scale.astype(np.float32))
        cast = shrunk.node.add(name=f"{node.name}/cast", op="Cast", input=[f"{node.name}/int8"])
        cast.attr["SrcT"].type = tf.int8.as_datatype_enum
        cast.attr["DstT"].type = tf.float32.as_datatype_enum
        inputs = [cast.name, f"{node.name}/scale"]
        product = shrunk.node.add(name=node.name, op="Mul", input=inputs)
        product.attr["T"].type = tf.float32.as_datatype_enum
    return shrunk


def _large_constant(node: tf.compat.v1.NodeDef) -> np.ndarray | None:
    if node.op != "Const" or node.attr["dtype"].type != tf.float32.as_datatype_enum:
        return None
    values = tf.make_ndarray(node.attr["value"].tensor)
    return values if values.ndim > 1 and values.size >= SMALLEST_SHRUNK else None


def _constant(graph: tf.compat.v1.GraphDef, name: str, values: np.ndarray) -> None:
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = tf.as_dtype(values.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
