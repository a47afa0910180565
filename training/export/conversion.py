"""Trained networks in the forms they are served in: LiteRT int8, and a frozen TensorFlow graph.

Both have the same names for what goes in and out; app.captioning.engines says what these are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from app.captioning.detector import REGIONS, ROW
from training.decoders import Decoder, Ensemble
from training.decoders.base import Memory
from training.decoders.building import Shapes
from training.encoders.detector import Detector, photo_signature
from training.encoders.int8 import Matching
from training.encoders.stage import EncoderStage
from training.recipes import ENCODER, ENCODER_STAGE
from training.train.run_folder import by_path

SMALLEST_SHRUNK = 1024
"""Constants of fewer numbers stay float32: int8 would save nothing."""


class Frozen(NamedTuple):
    """A frozen graph, and where weights are in it."""

    graph: tf.compat.v1.GraphDef
    weights: dict[str, Any]
    """For the manifest: {"encoder": {path: node}, "encoder_stage": {path: node}, "decoders":
    {language: [{path: node}]}}, from each variable's path in its part to the name of its constant.
    A constant that is stored as int8 is NODE/int8 times NODE/scale."""


def feature_shapes(
    encoder: keras.Model, stage: EncoderStage | None, grounded: bool
) -> dict[str, tuple[int, ...]]:
    """Of what decoders are given of one photo, by name.

    Args:
        stage: what the encoder's output passes through, where there is one.
        grounded: whether there is a detector.
    """
    seen = stage(encoder.output) if stage else encoder.output
    shapes = {name: tuple(one.shape[1:]) for name, one in seen.items()}
    return shapes | ({"regions": (REGIONS, ROW)} if grounded else {})


def convert_stage(stage: EncoderStage, grid_shape: tuple[int, ...]) -> bytes:
    """An encoder's stage as a LiteRT graph with int8 weights.

    Args:
        grid_shape: of the encoder's grid, which it takes, (cells, n).
    """

    @tf.function(input_signature=[tf.TensorSpec((1, *grid_shape), name="grid")])
    def encode(grid):
        return stage({"grid": grid})

    return _convert(stage.variables, {"encode": encode})


def convert_decoder(decoder: Decoder | Ensemble, shapes: Shapes) -> bytes:
    """A decoder as a LiteRT graph with int8 weights, and its signatures `start` and `step`.

    Args:
        shapes: of one photo's features, from feature_shapes().
    """

    @tf.function
    def start(**features):
        return _named(*decoder.start(features))

    @tf.function
    def step(**inputs):
        log_probabilities, state = decoder.step(*map(inputs.get, ("state", "words", "memory")))
        return {"log_probabilities": log_probabilities, "state": state}

    signatures = {
        "start": start.get_concrete_function(**_start_signature(decoder, shapes)),
        "step": step.get_concrete_function(**_step_signature(decoder, shapes)),
    }
    return _convert(decoder.variables, signatures)


def freeze(
    encoder: keras.Model,
    stage: EncoderStage | None,
    decoders: Mapping[str, Decoder | Ensemble],
    matching: Matching,
    detector: Detector | None = None,
) -> Frozen:
    """Encoder, decoders and detector as one frozen graph.

    Its inputs are `photo`, `detector_photo` and, for each decoder, those of its start and step; its
    outputs the features by their names, `detector_` and the name of each of Detections, and for
    each decoder `start_state`, `start_memory`, `log_probabilities` and `next_state`. A decoder's
    tensors have its language before their names: `en_grid`, `en_start_state`.

    Args:
        encoder: with a batch size of 1.
        matching: of its features to those of the int8 encoder.
    """
    shapes = feature_shapes(encoder, stage, detector is not None)
    signature = {"photo": tf.TensorSpec(encoder.inputs[0].shape, tf.uint8, name="photo")}
    if detector:
        signature["detector_photo"] = photo_signature("detector_photo")
    for language, decoder in decoders.items():
        specs = _start_signature(decoder, shapes) | _step_signature(decoder, shapes)
        for name, spec in specs.items():
            full = f"{language}_{name}"
            signature[full] = tf.TensorSpec(spec.shape, spec.dtype, name=full)

    @tf.function
    def everything(**inputs):
        outputs = {
            name: features * matching.scale + matching.shift
            for name, features in encoder(inputs["photo"], training=False).items()
        }
        if stage:
            outputs = stage(outputs)
        if detector:
            for name, value in detector(inputs["detector_photo"]).items():
                outputs[f"detector_{name}"] = value
        for language, decoder in decoders.items():
            taken = {name: inputs[f"{language}_{name}"] for name in _taken(decoder, shapes)}
            for name, value in _named(*decoder.start(taken)).items():
                outputs[f"{language}_start_{name}"] = value
            log_probabilities, state = decoder.step(
                *(inputs.get(f"{language}_{name}") for name in ("state", "words", "memory"))
            )
            outputs[f"{language}_log_probabilities"] = log_probabilities
            outputs[f"{language}_next_state"] = state
        return {name: tf.identity(value, name=name) for name, value in outputs.items()}

    concrete = everything.get_concrete_function(**signature)
    frozen = convert_variables_to_constants_v2(concrete)
    nodes = {id(variable): node.op.name for variable, node in concrete.graph.captures}
    weights = {
        **({ENCODER: _nodes(encoder, nodes), ENCODER_STAGE: _nodes(stage, nodes)} if stage else {}),
        "decoders": {
            language: [_nodes(member, nodes) for member in _members(decoder)]
            for language, decoder in decoders.items()
        },
    }
    return Frozen(_shrunk(frozen.graph.as_graph_def()), weights)


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


def _members(decoder: Decoder | Ensemble) -> list[Decoder]:
    return list(decoder.members) if isinstance(decoder, Ensemble) else [decoder]


def _nodes(layer: keras.layers.Layer, nodes: Mapping[int, str]) -> dict[str, str]:
    """The constant that each of a layer's weights became, by its path.

    Args:
        nodes: by the identity of a variable's handle.
    """
    return {path: nodes[id(one.value.handle)] for path, one in by_path(layer).items()}


def _taken(decoder: Decoder | Ensemble, shapes: Shapes) -> list[str]:
    """The names of the features that a decoder takes: without pooled ones it averages a grid."""
    uses = decoder.uses if "pooled" in shapes else (*decoder.uses, "grid")
    return [name for name in shapes if name in uses]


def _named(state: tf.Tensor, memory: Memory) -> dict[str, tf.Tensor]:
    """What start() returns, by names; a decoder that does not attend has no memory."""
    return {"state": state} | ({} if memory is None else {"memory": memory})


def _start_signature(decoder: Decoder | Ensemble, shapes: Shapes) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec((1, *shapes[name]), name=name) for name in _taken(decoder, shapes)}


def _step_signature(decoder: Decoder | Ensemble, shapes: Shapes) -> dict[str, tf.TensorSpec]:
    _, memory = decoder.start({name: tf.zeros((1, *shape)) for name, shape in shapes.items()})
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
