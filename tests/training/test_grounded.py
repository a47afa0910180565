"""The whole way of a model whose words point at what was detected."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import open_checkpoint
from app.captioning.detector import PHOTO_SIZE
from app.captioning.engines import ENGINES, load_engine
from tests.training.conftest import COLOURS, GROUNDED, THINGS, Pipeline
from training.export.weights import read_weights
from training.recipes import MaximumLikelihood
from training.run import train_recipe
from training.train.run_folder import load_weights


def photo(colour: str) -> np.ndarray:
    code = COLOURS[colour][1]
    pixel = [int(code[at : at + 2], 16) for at in (1, 3, 5)]
    return np.full((90, 120, 3), pixel, np.uint8)


@pytest.fixture(scope="module", params=ENGINES)
def captioner(grounded: Pipeline, request: pytest.FixtureRequest) -> Captioner:
    return Captioner.load(grounded.checkpoint, request.param)


@pytest.mark.parametrize("colour", COLOURS)
def test_captions_point_at_what_was_detected(captioner: Captioner, colour: str):
    thing, _ = THINGS[colour]
    encoding = captioner.encode(photo(colour))
    (region,) = encoding.regions
    assert region.name == thing
    assert region.score > 0.9
    best = captioner.decode(encoding, "en")[0]
    (slot,) = best.slots
    assert best.text[slot.start : slot.end].lower() == thing
    assert best.template == best.text[: slot.start] + "<region-0>" + best.text[slot.end :]


def test_a_detector_that_decoders_need_is_loaded_though_words_are_not_to_point(grounded: Pipeline):
    assert Captioner.load(grounded.checkpoint, pointing=False).objects


def test_both_engines_detect_the_same(grounded: Pipeline):
    checkpoint = open_checkpoint(grounded.checkpoint)
    shown = np.asarray(photo("red"))[:1, :1].repeat(PHOTO_SIZE, 0).repeat(PHOTO_SIZE, 1)
    litert, tensorflow = (load_engine(name, checkpoint).detect(shown) for name in ENGINES)
    np.testing.assert_allclose(litert.boxes(), tensorflow.boxes(), atol=0.01)
    np.testing.assert_allclose(litert.scores, tensorflow.scores, atol=0.02)
    np.testing.assert_allclose(litert.map, tensorflow.map, atol=0.05)


def test_what_must_be_mentioned_is(captioner: Captioner):
    encoding = captioner.encode(photo("red"))
    for caption in captioner.decode(encoding, "en", mention=["pizza"]):
        assert {"pizza", "pizzas"} & set(caption.words)


def test_the_beam_has_as_many_captions_as_it_is_wide_and_none_twice(captioner: Captioner):
    texts = [one.text for one in captioner.caption(photo("green"), "en", beam_width=5)]
    assert len(texts) == len(set(texts)) == 5


def test_a_training_goes_on_from_the_weights_that_are_served(grounded: Pipeline, tmp_path: Path):
    read, kept = read_weights(grounded.checkpoint), load_weights(grounded.run)
    # A run that has not trained it does not keep what comes before the encoder's stage.
    assert {path for path in read if not path.startswith("encoder/")} == kept.keys()
    recipe = replace(
        GROUNDED,
        stages=(MaximumLikelihood(epochs=1, learning_rate=0.0, batch_size=6),),
        begin_from="grounded",
        begin_with=("encoder_stage", "en"),
    )
    train_recipe(recipe, tmp_path / "run", grounded.places)
    for path, array in load_weights(tmp_path / "run").items():
        np.testing.assert_allclose(array, read[path], err_msg=path)
