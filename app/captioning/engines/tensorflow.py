"""TensorFlow on the frozen graph: float weights, for those who have the memory, and for parity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from app.captioning.beam_search import Step
from app.captioning.checkpoint import DETECTOR, FROZEN_GRAPH, Checkpoint, CheckpointError
from app.captioning.detector import Detections
from app.captioning.engines import ENCODED, FEATURES


class TensorFlowEngine:
    """Runs frozen_graph.pb, pruned to one function for each thing an engine does."""

    def __init__(self, checkpoint: Checkpoint):
        definition = tf.compat.v1.GraphDef.FromString(checkpoint.file(FROZEN_GRAPH).read_bytes())
        graph = tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(definition, name=""), []
        )

        def function(inputs: list[str], outputs: list[str]):
            tensors = [graph.graph.get_tensor_by_name(f"{name}:0") for name in inputs + outputs]
            return graph.prune(tensors[: len(inputs)], tensors[len(inputs) :])

        def names(*names: str) -> list[str]:
            """Those that the graph has: not all encoders have a grid, nor all decoders a memory."""
            return [name for name in names if name in present]

        present = {node.name for node in definition.node}
        self._detect: Callable[[np.ndarray], Detections]
        self._encoded = names(*ENCODED)
        self._encode = function(["photo"], self._encoded)
        if "detector_photo" in present:
            outputs = [f"detector_{one.name}" for one in fields(Detections)]
            detect = function(["detector_photo"], outputs)
            self._detect = lambda photo: Detections(
                *(one.numpy() for one in detect(tf.constant(photo[None])))
            )
        elif DETECTOR in checkpoint.files:
            # One that decoders do without is in no frozen graph: it sees the same on either engine.
            from app.captioning.engines.litert import detections_of, open_graph

            self._detect = partial(detections_of, open_graph(checkpoint, DETECTOR))
        self._taken = {
            language: [name for name in FEATURES if f"{language}_{name}" in present]
            for language in checkpoint.languages
        }
        self._start = {
            language: function(
                [f"{language}_{name}" for name in taken],
                names(f"{language}_start_state", f"{language}_start_memory"),
            )
            for language, taken in self._taken.items()
        }
        self._step = {
            language: function(
                names(f"{language}_state", f"{language}_words", f"{language}_memory"),
                names(f"{language}_log_probabilities", f"{language}_next_state"),
            )
            for language in checkpoint.languages
        }

    def encode(self, photo: np.ndarray) -> dict[str, np.ndarray]:
        tensors = self._encode(tf.constant(photo[None]))
        return {name: one.numpy()[0] for name, one in zip(self._encoded, tensors, strict=True)}

    def detect(self, photo: np.ndarray) -> Detections:
        return self._detect(photo)

    def start(self, language: str, features: Mapping[str, np.ndarray]) -> tuple[np.ndarray, Step]:
        taken = (tf.constant(features[name][None]) for name in self._taken[language])
        state, *memory = self._start[language](*taken)

        def step(state: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            outputs = self._step[language](tf.constant(state), tf.constant(words), *memory)
            return outputs[0].numpy(), outputs[1].numpy()

        return state.numpy(), step


def load(checkpoint: Checkpoint) -> TensorFlowEngine:
    """Raises CheckpointError where the graph cannot be read."""
    try:
        return TensorFlowEngine(checkpoint)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"The checkpoint {checkpoint.folder} has no {FROZEN_GRAPH}, which TensorFlow needs. "
            "Copy it there from a checkout of Kantu, or set KANTU_ENGINE=litert."
        ) from error
    except ImportError as error:
        raise CheckpointError(
            f"The detector of {checkpoint.folder} runs on LiteRT alone, which is not installed "
            f"here ({error}). Install it with '.venv/bin/pip install -r requirements.txt', or turn "
            "KANTU_POINTING off."
        ) from error
    except (ValueError, KeyError, RuntimeError, DecodeError, tf.errors.OpError) as error:
        raise CheckpointError(
            f"TensorFlow cannot run the checkpoint {checkpoint.folder} ({error}). "
            "Fetch the folder again, or export it anew."
        ) from error
