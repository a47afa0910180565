"""The weights of the checkpoint that is shipped, in decoders as they are trained."""

import numpy as np

from app.captioning.checkpoint import open_checkpoint
from app.captioning.engines import load_engine
from app.config import ROOT
from training.decoders import Decoder
from training.decoders.building import build_decoder
from training.encoders.stage import EncoderStage
from training.export.weights import read_weights
from training.recipes import DecoderConfig
from training.train.run_folder import by_path

SHIPPED = ROOT / "model_assets" / "kantu-2"
SHAPES = {"pooled": (1280,), "grid": (25, 384)}


def build(weights: dict[str, np.ndarray], name: str) -> Decoder:
    """A decoder of the size that its weights have, with them in it."""
    words, embedding = weights[f"{name}/word_embedding/embeddings"].shape
    config = DecoderConfig("soft_attention", units=512, embedding=embedding)
    decoder = build_decoder(config, words, SHAPES)
    for path, variable in by_path(decoder).items():
        variable.assign(weights[f"{name}/{path}"])
    return decoder


def test_decoders_say_what_the_frozen_graph_says():
    checkpoint, weights = open_checkpoint(SHIPPED), read_weights(SHIPPED)
    random = np.random.default_rng(0)
    features = {name: random.uniform(0, 2, of).astype(np.float32) for name, of in SHAPES.items()}
    engine = load_engine("tensorflow", checkpoint)
    for language in ("en", "zh"):
        decoder = build(weights, language)
        words = np.array([checkpoint.languages[language].vocabulary.start], np.int32)
        state, step = engine.start(language, features)
        ours, memory = decoder.start({name: one[None] for name, one in features.items()})
        for _ in range(3):
            expected, state = step(state, words)
            log_probabilities, ours = decoder.step(ours, words, memory)
            np.testing.assert_allclose(log_probabilities, expected, atol=1e-3)
            words = expected.argmax(axis=1).astype(np.int32)


def test_an_encoder_stage_is_made_of_the_weights():
    prefix = "encoder_stage/"
    weights = {
        path.removeprefix(prefix): values
        for path, values in read_weights(SHIPPED).items()
        if path.startswith(prefix)
    }
    stage = EncoderStage.of(list(weights.values()))
    assert list(by_path(stage)) == list(weights)
    features = stage({"grid": np.ones((1, 81, 232), np.float32)})
    assert features["pooled"].shape == (1, 1280)
    assert features["grid"].shape == (1, 25, 384)
