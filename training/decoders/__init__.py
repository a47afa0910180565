"""Caption decoders by name."""

from __future__ import annotations

from importlib import import_module

from training.decoders.base import Decoder
from training.decoders.ensemble import Ensemble
from training.decoders.layers import LSTM

DECODERS = (
    "neural_talk",
    "show_and_tell",
    "attributes",
    "soft_attention",
    "top_down",
    "neural_baby_talk",
)

__all__ = ["DECODERS", "LSTM", "Decoder", "Ensemble", "decoder_class"]


def decoder_class(name: str) -> type[Decoder]:
    """The class of one of DECODERS. Raises ValueError for any other name."""
    if name not in DECODERS:
        raise ValueError(f"there is no decoder {name!r}; there are {', '.join(DECODERS)}")
    module = import_module(f"training.decoders.{name}")
    return getattr(module, name.title().replace("_", ""))
