from pathlib import Path

import keras
import numpy as np
import pytest

from app.captioning.checkpoint import open_checkpoint
from app.captioning.engines import load_engine
from app.config import ROOT
from tests.photos import NAMES, squashed
from training.encoders import ENCODERS, Encoder, build, read_weights

SOURCE = np.load(Path(__file__).parent / "fixtures" / "efficientnet_lite3_source.npz")
SHIPPED = ROOT / "model_assets" / "show-and-tell"


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.dot(first, second) / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.mark.parametrize("engine", ["tensorflow", "litert"])
def test_the_shipped_encoder_says_of_real_photos_what_the_source_of_its_weights_says(engine):
    """The source rounds activations to int8 and clips them, ours does so elsewhere or not at all:
    near, but not the same. Features of different photos are at 0.4 or less."""
    loaded = load_engine(engine, open_checkpoint(SHIPPED))
    features = {name: loaded.encode(squashed(name)) for name in NAMES}
    for name in NAMES:
        assert cosine(features[name], SOURCE[name]) > 0.98
        for other in set(NAMES) - {name}:
            assert cosine(features[name], SOURCE[other]) < 0.5


@pytest.mark.parametrize(
    ("name", "millions"), [("efficientnet_lite2", 4.78), ("efficientnet_lite3", 6.88)]
)
def test_an_encoder_has_its_published_size(name, millions):
    """Without the classifier, and with batch normalisation folded in."""
    model = build(ENCODERS[name], None, ENCODERS[name].size)
    assert model.count_params() / 1e6 == pytest.approx(millions, abs=0.01)
    assert model.outputs[0].shape == (None, 1280)


def tiny() -> Encoder:
    return Encoder("tiny", 0.25, 0.3, 32, "", "", "")


def weights_of(model: keras.Model) -> list[tuple[np.ndarray, np.ndarray]]:
    return [tuple(layer.get_weights()) for layer in model.layers if layer.get_weights()]


def test_weights_that_are_too_few_or_too_many_are_refused():
    weights = weights_of(build(tiny(), None, 32))
    with pytest.raises(ValueError, match="fewer layers"):
        build(tiny(), weights[:-1], 32)
    with pytest.raises(ValueError, match="more layers"):
        build(tiny(), [*weights, weights[0]], 32)


def test_a_photo_of_another_size_is_resized_inside_the_graph():
    photo = np.full((1, 48, 48, 3), 130, np.uint8)
    weights = weights_of(build(tiny(), None, 32))
    features = build(tiny(), weights, 48)(photo)["features"].numpy()
    same = build(tiny(), weights, 32)(photo[:, :32, :32])["features"].numpy()
    np.testing.assert_allclose(features, same, rtol=1e-4, atol=1e-9)


def test_weights_that_are_not_there_or_of_another_kind_are_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no weights at"):
        read_weights(tmp_path / "nothing.tflite")
    (tmp_path / "weights.h5").touch()
    with pytest.raises(ValueError, match=r"expected a .tflite or a .pth file"):
        read_weights(tmp_path / "weights.h5")
