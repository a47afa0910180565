"""LiteRT, TensorFlow's on-device runtime: int8 weights, a fifth of TensorFlow's memory."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from app.captioning.beam_search import Step
from app.captioning.checkpoint import Checkpoint, CheckpointError

ENCODER = "encoder.tflite"


def decoder_file(language: str) -> str:
    return f"decoder_{language}.tflite"


class LiteRTEngine:
    """Runs encoder.tflite and a decoder_<language>.tflite for each language."""

    def __init__(self, checkpoint: Checkpoint):
        encoder = Interpreter(str(checkpoint.file(ENCODER)), num_threads=1)
        self._encode = encoder.get_signature_runner()
        self._decoders = {
            language: Interpreter(str(checkpoint.file(decoder_file(language))), num_threads=1)
            for language in checkpoint.languages
        }
        self._start = {
            language: decoder.get_signature_runner("start")
            for language, decoder in self._decoders.items()
        }
        self._step = {
            language: decoder.get_signature_runner("step")
            for language, decoder in self._decoders.items()
        }

    def encode(self, photo: np.ndarray) -> np.ndarray:
        return self._encode(photo=photo[None])["features"][0]

    def start(self, language: str, features: np.ndarray) -> tuple[np.ndarray, Step]:
        outputs = self._start[language](features=features[None])
        state = outputs.pop("state")

        def step(state: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            # What is left of the outputs is the memory of decoders that attend.
            following = self._step[language](state=state, words=words, **outputs)
            return following["log_probabilities"], following["state"]

        return state, step


def load(checkpoint: Checkpoint) -> LiteRTEngine:
    """Raises CheckpointError where a graph cannot be read."""
    try:
        return LiteRTEngine(checkpoint)
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"LiteRT cannot run the checkpoint {checkpoint.folder} ({error}). "
            "Fetch the folder again, or export it anew."
        ) from error
