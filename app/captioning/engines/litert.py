"""LiteRT, TensorFlow's on-device runtime: int8 weights, a fifth of TensorFlow's memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from app.captioning.beam_search import Step
from app.captioning.checkpoint import DETECTOR, Checkpoint, CheckpointError
from app.captioning.detector import Detections
from app.captioning.engines.mapped import let_go

ENCODER = "encoder.tflite"
ENCODER_STAGE = "encoder_stage.tflite"
"""The encoder's last blocks, in a graph of their own where they were trained with a decoder."""
ROWS = 10
"""Hypotheses that a step takes at once: a graph keeps the memory of the most that it ever took."""


class Graph:
    """A graph, whose signatures may be run from several threads.

    The first run of each makes a copy of its weights, in an order that suits the processor. From
    then on those in the file are not read, but for a few rows, and need no memory.
    """

    def __init__(self, path: Path):
        """Raises ValueError or RuntimeError where it cannot be read."""
        self._path = path
        self._interpreter = Interpreter(str(path), num_threads=1)
        self._runners = {
            name: self._interpreter.get_signature_runner(name)
            for name in self._interpreter.get_signature_list()
        }
        self.inputs = {
            name: list(runner.get_input_details()) for name, runner in self._runners.items()
        }
        """The names of what each signature takes."""
        self._not_run_yet = set(self._runners)
        self._lock = Lock()

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the only signature."""
        (signature,) = self._runners
        return self.run(signature, **inputs)

    def run(self, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        with self._lock:
            outputs = self._runners[signature](**inputs)
            if signature in self._not_run_yet:
                self._not_run_yet.remove(signature)
                let_go(self._path)
            return outputs


_graphs: WeakValueDictionary[str, Graph] = WeakValueDictionary()
"""Those in use, by their SHA-256: checkpoints with the same encoder share it, and its memory."""


def open_graph(checkpoint: Checkpoint, name: str) -> Graph:
    """A graph of a checkpoint, or that of another which is the same."""
    digest = checkpoint.files[name]
    graph = _graphs.get(digest) or Graph(checkpoint.file(name))
    return _graphs.setdefault(digest, graph)


def decoder_file(language: str) -> str:
    return f"decoder_{language}.tflite"


class LiteRTEngine:
    """Runs encoder.tflite, encoder_stage.tflite and detector.tflite where there are any, and a
    decoder_<language>.tflite for each language."""

    def __init__(self, checkpoint: Checkpoint):
        self._encoder = [
            open_graph(checkpoint, file)
            for file in (ENCODER, ENCODER_STAGE)
            if file in checkpoint.files
        ]
        if DETECTOR in checkpoint.files:
            self._detector = open_graph(checkpoint, DETECTOR)
        self._decoders = {
            language: open_graph(checkpoint, decoder_file(language))
            for language in checkpoint.languages
        }

    def encode(self, photo: np.ndarray) -> dict[str, np.ndarray]:
        tensors = {"photo": photo[None]}
        for graph in self._encoder:
            tensors = graph(**tensors)
        return {name: tensor[0] for name, tensor in tensors.items()}

    def detect(self, photo: np.ndarray) -> Detections:
        return detections_of(self._detector, photo)

    def start(self, language: str, features: Mapping[str, np.ndarray]) -> tuple[np.ndarray, Step]:
        decoder = self._decoders[language]
        taken = {name: features[name][None] for name in decoder.inputs["start"]}
        outputs = decoder.run("start", **taken)
        state = outputs.pop("state")

        def step(state: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            pieces = [slice(at, at + ROWS) for at in range(0, len(words), ROWS)]
            done = [
                # What is left of the outputs is the memory of decoders that attend.
                decoder.run("step", state=state[piece], words=words[piece], **outputs)
                for piece in pieces
            ]
            return (
                np.concatenate([one["log_probabilities"] for one in done]),
                np.concatenate([one["state"] for one in done]),
            )

        return state, step


def detections_of(detector: Graph, photo: np.ndarray) -> Detections:
    """As Engine.detect()."""
    return Detections(**detector(photo=photo[None]))


def load(checkpoint: Checkpoint) -> LiteRTEngine:
    """Raises CheckpointError where a graph cannot be read."""
    try:
        return LiteRTEngine(checkpoint)
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"LiteRT cannot run the checkpoint {checkpoint.folder} ({error}). "
            "Fetch the folder again, or export it anew."
        ) from error
