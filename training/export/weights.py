"""Reads the weights of a checkpoint's encoder and decoders back from its frozen graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import tensorflow as tf

from app.captioning.checkpoint import FROZEN_GRAPH, MANIFEST, CheckpointError, open_checkpoint
from training.recipes import ENCODER, ENCODER_STAGE, decoder_names


def read_weights(checkpoint: Path) -> dict[str, np.ndarray]:
    """The weights that a training can go on from, as int8 has rounded them.

    Returns:
        By PART/PATH, as training.train.run_folder keeps them: a part is "encoder", what comes
        before its stage; "encoder_stage"; or a decoder, such as "en" or, where several choose
        together, "en-2". Float32, but for tables of int32.

    Raises:
        CheckpointError: there is no whole checkpoint, or it does not say where its weights are.
    """
    open_checkpoint(checkpoint)
    manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    if "weights" not in manifest:
        raise CheckpointError(
            f"The checkpoint {checkpoint} does not say where its weights are, so no training can "
            "go on from it: it was not trained by Kantu."
        )
    try:
        definition = (checkpoint / FROZEN_GRAPH).read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{checkpoint / FROZEN_GRAPH}, which holds the weights, cannot be read "
            f"({error.strerror}). Fetch the folder again."
        ) from error
    graph = tf.compat.v1.GraphDef.FromString(definition)
    constants = {
        node.name: tf.make_ndarray(node.attr["value"].tensor)
        for node in graph.node
        if node.op == "Const"
    }
    places = manifest["weights"]
    parts = [(part, places.get(part, {})) for part in (ENCODER, ENCODER_STAGE)]
    parts += chain.from_iterable(
        zip(decoder_names(language, len(decoders)), decoders, strict=True)
        for language, decoders in places["decoders"].items()
    )
    return {
        f"{part}/{path}": _value(constants, node)
        for part, nodes in parts
        for path, node in nodes.items()
    }


def _value(constants: Mapping[str, np.ndarray], node: str) -> np.ndarray:
    """A constant, as training.export.conversion stores it."""
    if node in constants:
        return constants[node]
    return constants[f"{node}/int8"] * constants[f"{node}/scale"]
