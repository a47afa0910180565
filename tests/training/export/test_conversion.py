"""An encoder, its stage and decoders, small and untrained, through conversion and both engines."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from app.captioning.checkpoint import (
    FROZEN_GRAPH,
    MANIFEST,
    CheckpointError,
    open_checkpoint,
    sha256,
)
from app.captioning.engines import Engine, load_engine
from app.captioning.engines.litert import ENCODER, ENCODER_STAGE, decoder_file
from app.captioning.vocabulary import SPECIAL, Vocabulary
from training.decoders import Ensemble
from training.decoders.building import build_decoder
from training.encoders.int8 import Matching, convert_encoder
from training.encoders.stage import Block, EncoderStage
from training.export.conversion import convert_decoder, convert_stage, feature_shapes, freeze
from training.export.weights import read_weights
from training.recipes import DecoderConfig
from training.train.run_folder import by_path

PHOTO_SIZE = 8
CHANNELS = 6
VOCABULARY = Vocabulary([*SPECIAL, "a", "dog", "runs"])
SHAPES = {"pooled": (5,), "grid": (4, 7)}
"""Of what the stage makes of 4 × 4 cells."""


class Networks(SimpleNamespace):
    """What was converted, and the folder that it is in."""

    folder: Path
    encoder: keras.Model
    stage: EncoderStage
    decoders: dict


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    keras.utils.set_random_seed(1)
    photo = keras.Input((PHOTO_SIZE, PHOTO_SIZE, 3), batch_size=1, dtype="uint8", name="photo")
    grid = keras.layers.Conv2D(CHANNELS, 2, 2)(keras.layers.Rescaling(1 / 255)(photo))
    encoder = keras.Model(photo, {"grid": keras.layers.Reshape((16, CHANNELS))(grid)})
    stage = EncoderStage([Block(CHANNELS, 8, 3, CHANNELS), Block(CHANNELS, 8, 3, 7)], 5)
    stage({"grid": np.zeros((1, 16, CHANNELS), np.float32)})
    english = [decoder("soft_attention", 40), decoder("show_and_tell", 8)]
    decoders = {"en": Ensemble(english), "zh": decoder("show_and_tell", 8)}
    made = Networks(
        folder=tmp_path_factory.mktemp("tiny"), encoder=encoder, stage=stage, decoders=decoders
    )
    matching = Matching(np.ones(CHANNELS, np.float32), np.zeros(CHANNELS, np.float32))
    frozen = freeze(encoder, stage, decoders, matching)
    files = {
        ENCODER: convert_encoder(encoder),
        ENCODER_STAGE: convert_stage(stage, (16, CHANNELS)),
        FROZEN_GRAPH: frozen.graph.SerializeToString(),
        **{decoder_file(name): convert_decoder(one, SHAPES) for name, one in decoders.items()},
    }
    for name, content in files.items():
        (made.folder / name).write_bytes(content)
    for language in decoders:
        VOCABULARY.save(made.folder / f"vocabulary_{language}.txt")
    manifest = {
        "format": 2,
        "name": "tiny",
        "encoder": {"photo_size": PHOTO_SIZE},
        "languages": {one: {"max_words": 5, "length_penalty": 1.0} for one in decoders},
        "weights": frozen.weights,
        "files": {path.name: sha256(path) for path in made.folder.iterdir()},
    }
    (made.folder / MANIFEST).write_text(json.dumps(manifest))
    return made


def decoder(architecture: str, units: int):
    config = DecoderConfig(architecture, units=units, embedding=6)
    return build_decoder(config, len(VOCABULARY), SHAPES)


@pytest.fixture(params=["litert", "tensorflow"])
def engine(networks: Networks, request: pytest.FixtureRequest) -> Engine:
    return load_engine(request.param, open_checkpoint(networks.folder))


def features(networks: Networks) -> dict[str, np.ndarray]:
    return {
        name: one.numpy() for name, one in networks.stage(networks.encoder(photo()[None])).items()
    }


def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(PHOTO_SIZE, PHOTO_SIZE, 3), dtype=np.uint8)


def test_shapes_are_those_of_what_the_stage_gives(networks):
    assert feature_shapes(networks.encoder, networks.stage, grounded=False) == SHAPES
    assert set(feature_shapes(networks.encoder, None, grounded=True)) == {"grid", "regions"}


def test_engines_give_features_by_name(networks, engine):
    encoded = engine.encode(photo())
    for name, expected in features(networks).items():
        np.testing.assert_allclose(encoded[name], expected[0], atol=0.05)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_engines_say_what_decoders_say(networks, engine, language):
    decoder, seen = networks.decoders[language], features(networks)
    state, memory = decoder.start(seen)
    words = np.array([VOCABULARY.start], np.int32)
    expected, _ = decoder.step(state, words, memory)
    state, step = engine.start(language, {name: one[0] for name, one in seen.items()})
    log_probabilities, _ = step(np.asarray(state), words)
    np.testing.assert_allclose(log_probabilities, expected, atol=0.02)


def test_a_decoder_takes_only_the_features_that_it_uses(networks, engine):
    pooled = {"pooled": features(networks)["pooled"][0]}
    engine.start("zh", pooled)
    with pytest.raises(KeyError, match="grid"):
        engine.start("en", pooled)


def test_a_decoder_of_pooled_features_takes_a_grid_where_there_is_nothing_else():
    shapes = {"grid": (4, 7)}
    config = DecoderConfig("show_and_tell", units=8, embedding=6)
    graph = convert_decoder(build_decoder(config, len(VOCABULARY), shapes), shapes)
    runner = Interpreter(model_content=graph).get_signature_runner("start")
    assert list(runner.get_input_details()) == ["grid"]


def test_weights_are_read_back_from_where_the_manifest_says(networks):
    weights = read_weights(networks.folder)
    english, second = networks.decoders["en"].members
    parts = {"encoder": networks.encoder, "encoder_stage": networks.stage}
    parts |= {"en": english, "en-2": second, "zh": networks.decoders["zh"]}
    expected = {
        f"{part}/{path}": variable.numpy()
        for part, layer in parts.items()
        for path, variable in by_path(layer).items()
    }
    assert weights.keys() == expected.keys()
    assert_alike(weights, expected)


def assert_alike(weights: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """But for rounding to int8."""
    for path, values in expected.items():
        assert weights[path].dtype == values.dtype
        np.testing.assert_allclose(weights[path], values, atol=np.abs(values).max() / 254 + 1e-9)


def test_what_was_not_trained_here_says_so(networks, tmp_path):
    for path in networks.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    del manifest["weights"]
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="does not say where its weights are"):
        read_weights(tmp_path)


def test_without_its_frozen_graph_a_checkpoint_has_no_weights_to_read(networks, tmp_path):
    for path in networks.folder.iterdir():
        if path.name != FROZEN_GRAPH:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CheckpointError, match="holds the weights"):
        read_weights(tmp_path)
