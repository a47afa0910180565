"""Decoders over one encoder, as they are trained together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import keras

from training.data.features import PHOTO
from training.decoders import Decoder
from training.encoders.encoder import Tensor
from training.encoders.stage import EncoderStage
from training.recipes import ENCODER, ENCODER_STAGE, FROZEN, WHOLE
from training.train import cuda_graphs


class CaptioningModel(keras.Model):
    """What of the encoder comes after the features that are on disk, and decoders by their names.

    Where the whole encoder is trained the photos themselves are given in features' place.
    """

    def __init__(
        self,
        decoders: Mapping[str, Decoder],
        stage: EncoderStage | None = None,
        encoder: keras.Model | None = None,
    ):
        super().__init__()
        self.decoders = dict(decoders)
        self.stage, self.encoder = stage, encoder

    def encode(self, given: Mapping[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """The features that decoders see, of those that are given or of photos."""
        features = dict(given)
        if self.encoder is not None and PHOTO in features:
            features |= self.encoder(features.pop(PHOTO), training=training)
        if self.stage is not None:
            features |= self.stage(features)
        return features

    def train_only(self, decoders: tuple[str, ...], encoder: str) -> None:
        """Sets what is trainable: these decoders, and of the encoder what a recipe's stage says."""
        for name, decoder in self.decoders.items():
            decoder.trainable = name in decoders
        if self.stage is not None:
            self.stage.trainable = encoder != FROZEN
        if self.encoder is not None:
            self.encoder.trainable = encoder == WHOLE

    def encoder_variables(self) -> list[keras.Variable]:
        """Of the encoder and its stage."""
        parts = [part for part in (self.encoder, self.stage) if part is not None]
        return [variable for part in parts for variable in part.variables]

    def parts(self) -> dict[str, keras.layers.Layer]:
        """What has weights of its own, by the name that a run folder keeps them under."""
        encoder = {ENCODER: self.encoder, ENCODER_STAGE: self.stage}
        return {name: part for name, part in encoder.items() if part is not None} | self.decoders


class Computation(keras.Model):
    """What is to be computed with a model whose layers are made already."""

    def __init__(self, model: CaptioningModel):
        super().__init__()
        self.model = model

    def build(self, *shapes: object) -> None:
        """There is nothing to build."""

    def predict_on_batch(self, x: Any) -> Any:
        """Arrays, for arrays."""
        return self._recorded(x) if cuda_graphs.records() else super().predict_on_batch(x)

    @cached_property
    def _recorded(self) -> Callable[[Any], Any]:
        return cuda_graphs.without_gradients(self)


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside compute under this dtype policy of Keras."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
