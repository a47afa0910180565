"""Attributes as the decoder's input (Wu et al. 2016)."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from training.decoders.base import Features
from training.decoders.layers import Frozen, Standardise
from training.decoders.show_and_tell import ShowAndTell
from training.encoders.encoder import Tensor

EPOCHS = 20
TOO_FREQUENT = 0.5
"""Words that so many photos share say nothing of one: "a", "in", "is"."""


class Attributes(ShowAndTell):
    """Shown not the photo but how likely each of the captions' most frequent words is in it (Wu et
    al. 2016, section 3.2: "V_att-LSTM").

    The predictor of the words is trained first and by itself, here on the whole photo's features
    where the paper has a CNN look at many regions. What it says is standardised: most words are
    unlikely in most photos, and numbers so small and alike go unnoticed for epochs.
    """

    adapts_to = None

    def __init__(
        self,
        vocabulary_size: int,
        units: int,
        embedding: int,
        attributes: int = 256,
        **dropouts: float,
    ):
        super().__init__(vocabulary_size, units, embedding, **dropouts)
        self.attributes = attributes
        self.predictor = Frozen(attributes, name="predictor")
        self.likely = Standardise(name="likely")

    def adapt(self, features: Features, mentioned: np.ndarray) -> None:
        """Trains the predictor too."""
        super().adapt(features, mentioned)
        share = mentioned.mean(axis=0)
        share[share > TOO_FREQUENT] = 0
        frequent = np.argsort(-share, kind="stable")[: self.attributes]
        whole = self.look(features, training=False)
        photo = keras.Input(whole.shape[1:])
        dropped = layers.Dropout(self.feature_dropout.rate)(photo)
        logits = layers.Dense(self.attributes, dtype="float32")(dropped)
        predictor = keras.Model(photo, logits)
        predictor.compile(
            keras.optimizers.AdamW(1e-3, weight_decay=0.05),
            keras.losses.BinaryCrossentropy(from_logits=True),
        )
        predictor.fit(
            np.asarray(whole, np.float32),
            mentioned[:, frequent].astype(np.float32),
            batch_size=128,
            epochs=EPOCHS,
            verbose=0,
        )
        self.predictor.set_weights(predictor.layers[-1].get_weights())
        self.likely.adapt(np.asarray(ops.sigmoid(self.predictor(whole))))

    def shown(self, whole: Tensor) -> Tensor:
        return self.likely(ops.sigmoid(self.predictor(whole)))
