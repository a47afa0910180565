"""Small decoders with random weights, and photos for them.

    python -m tests.training.decoders.small WEIGHTS OUT

says what log_likelihoods() does on the backend of Keras that the environment names.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from app.captioning.detector import REGIONS, ROW
from training.decoders import DECODERS, Decoder
from training.decoders.building import build_decoder
from training.decoders.neural_baby_talk import CLASSES, NeuralBabyTalk
from training.recipes import DecoderConfig

WORDS, UNITS, EMBEDDING, PHOTOS, EACH = 11, 5, 6, 3, 2
SHAPES = {"pooled": (7,), "grid": (9, 4), "regions": (REGIONS, ROW)}


def small_decoder(architecture: str) -> Decoder:
    """With dropout; one that points has learned which words name what."""
    config = DecoderConfig(architecture, UNITS, EMBEDDING, feature_dropout=0.5, dropout=0.5)
    decoder = build_decoder(config, WORDS, SHAPES)
    if isinstance(decoder, NeuralBabyTalk):
        random = np.random.default_rng(1)
        decoder.forms.assign(random.integers(-1, WORDS, decoder.forms.shape))
        decoder.fine.assign(random.integers(3, size=decoder.fine.shape))
        decoder.plural.assign(random.integers(2, size=decoder.plural.shape))
        decoder.word_class.assign(random.integers(CLASSES + 1, size=WORDS))
        for table in (decoder.class_vectors, decoder.fine_embedding):
            table.assign(random.normal(0, 0.1, table.shape))
    return decoder


def photos(count: int = PHOTOS) -> dict[str, np.ndarray]:
    """Features of photos, of which each has one region less than the one before."""
    random = np.random.default_rng(0)
    features = {
        name: random.normal(size=(count, *shape)).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    features["regions"][..., -1] = random.integers(1, CLASSES + 1, size=(count, REGIONS))
    for nth, regions in enumerate(features["regions"]):
        regions[REGIONS - nth :] = 0
    return features


def captions(time: int, each: int = EACH) -> np.ndarray:
    """Words of so many captions of each of PHOTOS."""
    return np.random.default_rng(0).integers(WORDS, size=(PHOTOS * each, time)).astype(np.int32)


def log_likelihoods(weights: Path) -> dict[str, np.ndarray]:
    """What each decoder says of the same captions, and what can stand in their place.

    Args:
        weights: an .npz with each decoder's, in its order, as ARCHITECTURE/NUMBER.
    """
    words = captions(5)
    given, likelihoods = np.load(weights), {}
    for name in DECODERS:
        decoder = small_decoder(name)
        decoder.set_weights([given[f"{name}/{nth}"] for nth in range(len(decoder.weights))])
        both = decoder.log_likelihood(photos(), words[:, :-1], words[:, 1:])
        likelihoods[name] = np.stack([keras.ops.convert_to_numpy(one) for one in both])
    return likelihoods


if __name__ == "__main__":
    np.savez(sys.argv[2], backend=keras.backend.backend(), **log_likelihoods(Path(sys.argv[1])))
