from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from app.captioning.engines.litert import ENCODER
from app.config import ROOT
from tests.photos import NAMES, squashed
from training.encoders import Encoder, WeightsError, build, efficientnet_lite

FIXTURES = Path(__file__).parents[1] / "fixtures"
SOURCE = np.load(FIXTURES / "efficientnet_lite3_source.npz")
SHIPPED = ROOT / "model_assets" / "neural-baby-talk-1"


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    first, second = (one.astype(np.float32).ravel() for one in (first, second))
    return float(np.dot(first, second) / np.linalg.norm(first) / np.linalg.norm(second))


def test_an_encoder_that_was_not_trained_further_says_what_the_source_of_its_weights_says():
    """Of real photos, up to the stage, which was trained. The source rounds activations to int8 and
    clips them, ours does so elsewhere: near, but not the same. Grids of different photos are at 0.3
    or less."""
    encode = Interpreter(str(SHIPPED / ENCODER)).get_signature_runner()
    features = {name: encode(photo=squashed(name)[None])["grid"] for name in NAMES}
    for name in NAMES:
        assert cosine(features[name], SOURCE[name]) > 0.98
        for other in set(NAMES) - {name}:
            assert cosine(features[name], SOURCE[other]) < 0.4


def tiny() -> Encoder:
    return efficientnet_lite.encoder("tiny", 0.25, 0.3, 32, "", "", "")


def weights_of(model: keras.Model) -> list[tuple[np.ndarray, np.ndarray]]:
    return [tuple(layer.get_weights()) for layer in model.layers if layer.get_weights()]


def test_weights_that_are_too_few_or_too_many_are_refused():
    weights = weights_of(build(tiny(), None, 32))
    number = len(weights)
    for wrong, many in ((weights[:-1], number - 1), ([*weights, weights[0]], number + 1)):
        with pytest.raises(WeightsError, match=f"have {many} .* tiny has {number} convolution"):
            build(tiny(), wrong, 32)


def test_a_photo_of_another_size_is_resized_inside_the_graph():
    photo = np.full((1, 48, 48, 3), 130, np.uint8)
    weights = weights_of(build(tiny(), None, 32))
    features = build(tiny(), weights, 48)(photo)["pooled"].numpy()
    same = build(tiny(), weights, 32)(photo[:, :32, :32])["pooled"].numpy()
    np.testing.assert_allclose(features, same, rtol=1e-4, atol=1e-9)
