"""The weights of the checkpoints that are shipped, in decoders as they are trained."""

import numpy as np
import pytest

from app.captioning.checkpoint import open_checkpoint
from app.captioning.detector import CHANNELS, REGIONS, ROW
from app.captioning.engines import load_engine
from app.config import ROOT
from training.decoders import Decoder, Ensemble
from training.decoders.building import build_decoder
from training.encoders.stage import EncoderStage
from training.export.weights import read_weights
from training.recipes import DecoderConfig, decoder_names
from training.train.run_folder import by_path

ARCHITECTURES = {
    "kantu-2": {"en": ["soft_attention"], "zh": ["soft_attention"]},
    "neural-baby-talk-1": {"en": ["neural_baby_talk"], "zh": ["neural_baby_talk"]},
}
CLASSES = 80


def build(architecture: str, weights: dict[str, np.ndarray], part: str, shapes: dict) -> Decoder:
    """A decoder of the size that its weights have, with them in it."""
    words, embedding = weights[f"{part}/word_embedding/embeddings"].shape
    config = DecoderConfig(architecture, units=512, embedding=embedding)
    decoder = build_decoder(config, words, shapes)
    for path, variable in by_path(decoder).items():
        variable.assign(weights[f"{part}/{path}"])
    return decoder


def some_features(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    features = {
        name: random.uniform(0, 2, shape).astype(np.float32) for name, shape in shapes.items()
    }
    if "regions" in features:
        features["regions"][:, CHANNELS:] /= 2
        features["regions"][:, -1] = random.integers(CLASSES + 1, size=REGIONS)
    return features


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_decoders_say_what_the_frozen_graph_says(model):
    checkpoint = open_checkpoint(ROOT / "model_assets" / model)
    weights = read_weights(checkpoint.folder)
    shapes = {"pooled": (1280,), "grid": (25, 384)}
    if model == "neural-baby-talk-1":
        shapes["regions"] = (REGIONS, ROW)
    engine, features = load_engine("tensorflow", checkpoint), some_features(shapes)
    for language, architectures in ARCHITECTURES[model].items():
        names = decoder_names(language, len(architectures))
        decoder = Ensemble(
            [
                build(architecture, weights, name, shapes)
                for architecture, name in zip(architectures, names, strict=True)
            ]
        )
        words = np.array([checkpoint.languages[language].vocabulary.start], np.int32)
        state, step = engine.start(language, features)
        ours, memory = decoder.start({name: one[None] for name, one in features.items()})
        for _ in range(3):
            expected, state = step(state, words)
            log_probabilities, ours = decoder.step(ours, words, memory)
            np.testing.assert_allclose(log_probabilities, expected, atol=1e-3)
            words = expected.argmax(axis=1).astype(np.int32)


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_an_encoder_stage_is_made_of_the_weights(model):
    prefix = "encoder_stage/"
    weights = {
        path.removeprefix(prefix): values
        for path, values in read_weights(ROOT / "model_assets" / model).items()
        if path.startswith(prefix)
    }
    stage = EncoderStage.of(list(weights.values()))
    assert list(by_path(stage)) == list(weights)
    features = stage({"grid": np.ones((1, 81, 232), np.float32)})
    assert features["pooled"].shape == (1, 1280)
    assert features["grid"].shape == (1, 25, 384)
