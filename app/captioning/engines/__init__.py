"""What runs the networks of a checkpoint: LiteRT, or TensorFlow."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from app.captioning.beam_search import Step
from app.captioning.detector import Detections

if TYPE_CHECKING:
    from app.captioning.checkpoint import Checkpoint

ENGINES = ("litert", "tensorflow")

ENCODED = ("pooled", "grid")
"""What encoders may give of a photo: one vector, float32 (n,), and cells, float32 (cells, m)."""
FEATURES = (*ENCODED, "regions")
"""What decoders may take of a photo: also what was detected, float32 (REGIONS, ROW), as
app.captioning.detector has it."""


class Engine(Protocol):
    """One encoder, and a decoder for each language. Not thread-safe."""

    def encode(self, photo: np.ndarray) -> dict[str, np.ndarray]:
        """Features, some of ENCODED by their names, of a uint8 RGB photo of the checkpoint's
        size."""

    def detect(self, photo: np.ndarray) -> Detections:
        """What the detector sees on a uint8 RGB photo of its size; only where the checkpoint has
        one."""

    def start(self, language: str, features: Mapping[str, np.ndarray]) -> tuple[np.ndarray, Step]:
        """The decoder's state after the photo, float32 (1, s), and its step from word to word of
        that photo's captions.

        Args:
            features: some of FEATURES by their names, else KeyError; what this language's decoder
                does not take is left out.
        """


def load_engine(name: str, checkpoint: Checkpoint) -> Engine:
    """Loads a checkpoint's networks.

    Args:
        name: "litert" or "tensorflow"; "auto" takes LiteRT where it is installed, for it needs a
            fifth of the memory.

    Raises:
        CheckpointError: the engine is not installed, or cannot read the checkpoint's files.
    """
    from app.captioning.checkpoint import CheckpointError

    if name == "auto":
        name = "litert" if importlib.util.find_spec("ai_edge_litert") else "tensorflow"
    if name not in ENGINES:
        raise CheckpointError(f"There is no engine {name!r}; choose {' or '.join(ENGINES)}.")
    try:
        engine = importlib.import_module(f"app.captioning.engines.{name}")
    except ImportError as error:
        raise CheckpointError(
            f"The engine {name!r} is not installed here ({error}). Install it with "
            f"'.venv/bin/pip install -r requirements.txt', or choose another with KANTU_ENGINE."
        ) from error
    return engine.load(checkpoint)
