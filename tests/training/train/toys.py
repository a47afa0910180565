"""A corpus in memory: photos that show one of two things, which their features tell apart."""

from __future__ import annotations

import numpy as np

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus, Lesson
from training.data.features import CollectionSplit
from training.decoders.building import build_decoder
from training.recipes import DecoderConfig, LanguageConfig
from training.train.model import CaptioningModel

CAPTIONS = [["a", "red", "square"], ["a", "green", "ball"]]
VOCABULARY = Vocabulary.build(CAPTIONS, 1)
CONFIG = LanguageConfig(
    (DecoderConfig(units=16, embedding=16, feature_dropout=0, dropout=0),), max_length=4
)


def corpus(photos: int = 6, features: np.ndarray | None = None) -> Corpus:
    """Photos in turn of one thing and of the other, each with both captions of its thing."""
    if features is None:
        features = np.tile(np.eye(2, dtype=np.float16) * 4, (photos // 2, 1))
    captions = [{"en": [CAPTIONS[photo % 2]] * 2} for photo in range(photos)]
    names = [f"{photo}.jpg" for photo in range(photos)]
    return Corpus([CollectionSplit(names, captions, {"pooled": features[None]}, 1)], "en")


def model(config: LanguageConfig = CONFIG) -> CaptioningModel:
    decoders = {
        name: build_decoder(architecture, len(VOCABULARY), {"pooled": (2,)})
        for name, architecture in config.named_decoders("en").items()
    }
    return CaptioningModel(decoders)


def lesson(photos: int = 6, described: int | None = None) -> Lesson:
    """Of so many photos, the first of which are described in the language."""
    ours = corpus(photos)
    for captions in ours.collections[0].captions[described:] if described is not None else []:
        captions.clear()
    return Lesson(ours, VOCABULARY, CONFIG)
