"""Caption decoders by name."""

from __future__ import annotations

from training.decoders.attributes import Attributes
from training.decoders.base import Decoder
from training.decoders.ensemble import Ensemble
from training.decoders.layers import LSTM
from training.decoders.neural_baby_talk import NeuralBabyTalk
from training.decoders.neural_talk import NeuralTalk
from training.decoders.show_and_tell import ShowAndTell
from training.decoders.soft_attention import SoftAttention
from training.decoders.top_down import TopDown

DECODERS: dict[str, type[Decoder]] = {
    "neural_talk": NeuralTalk,
    "show_and_tell": ShowAndTell,
    "attributes": Attributes,
    "soft_attention": SoftAttention,
    "top_down": TopDown,
    "neural_baby_talk": NeuralBabyTalk,
}

__all__ = ["DECODERS", "LSTM", "Decoder", "Ensemble", "ShowAndTell"]
