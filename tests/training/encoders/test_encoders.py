"""Every encoder by itself: its size, its shapes, and what it does to a photo first."""

import keras
import numpy as np
import pytest

from tests.training.conftest import TINY
from training.encoders import ENCODERS, Weights, build
from training.encoders.check import photos, spread
from training.encoders.encoder import Kernels
from training.encoders.stage import EncoderStage


def weights_of(model: keras.Model) -> Weights:
    return [tuple(layer.get_weights()) for layer in model.layers if layer.weights]


@pytest.mark.parametrize(
    ("name", "millions", "channels"),
    [
        ("efficientnet_lite0", 3.35, 1280),
        ("efficientnet_lite1", 4.11, 1280),
        ("efficientnet_lite2", 4.78, 1280),
        ("efficientnet_lite3", 6.88, 1280),
        ("inception_v4", 41.11, 1536),
        ("inception_v3", 21.80, 2048),
        ("densenet121", 7.04, 1024),
        ("xception", 20.86, 2048),
        ("vgg16", 14.71, 512),
        ("resnet101", 42.66, 2048),
    ],
)
def test_an_encoder_has_its_published_size_and_the_shapes_it_states(name, millions, channels):
    """Without the classifier. EfficientNet-Lite and InceptionV4 have batch normalisation folded
    in, which leaves of a normalisation's scale and shift only the shift."""
    encoder = ENCODERS[name]
    model = build(encoder, None, encoder.size)
    assert model.count_params() / 1e6 == pytest.approx(millions, abs=0.005)
    assert model.outputs[0].shape == (None, channels) == (None, encoder.channels)
    assert Kernels.of([tuple(layer.get_weights()) for layer in model.layers]) == encoder.kernels
    if not name.startswith("efficientnet_lite"):
        assert model.layers[-1].input.shape[1:] == encoder.grid_shape


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
def test_the_grid_of_an_efficientnet_lite_is_what_its_stage_sees(name):
    encoder = ENCODERS[name]
    height, width, channels = encoder.grid_shape
    model = build(encoder, None, 224, features="grid")
    assert model.output["grid"].shape == (None, height * width, channels)
    stage = EncoderStage.of(encoder.stage(weights_of(build(encoder, None, 224))))
    assert stage.channels == channels
    assert stage(model(photos(1, 224, seed=0)))["pooled"].shape == (1, encoder.channels)


def test_an_encoder_and_its_stage_are_the_whole_encoder():
    whole = build(TINY, None, TINY.size)
    spread(whole)
    weights = weights_of(whole)
    photo, stage = photos(1, TINY.size, seed=0), TINY.stage(weights)
    seen = EncoderStage.of(stage)(build(TINY, weights, TINY.size, features="grid")(photo))
    np.testing.assert_allclose(seen["pooled"], whole(photo)["pooled"], rtol=1e-3, atol=1e-6)


def test_the_grid_of_another_encoder_is_what_is_averaged():
    vgg16, photo = ENCODERS["vgg16"], photos(1, 64, seed=0)
    model = build(vgg16, None, 64)
    spread(model)
    cells = build(vgg16, weights_of(model), 64, features="grid")(photo)["grid"]
    assert cells.shape == (1, 49, 512)
    pooled = model(photo)["pooled"]
    np.testing.assert_allclose(np.mean(cells, axis=1), pooled, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("inception_v3", keras.applications.inception_v3),
        ("densenet121", keras.applications.densenet),
        ("xception", keras.applications.xception),
        ("vgg16", keras.applications.vgg16),
        ("resnet101", keras.applications.resnet),
    ],
)
def test_a_photo_is_normalised_as_keras_weights_expect(name, module):
    photo = np.random.default_rng(0).integers(0, 256, (1, 9, 9, 3), np.uint8)
    expected = module.preprocess_input(photo.astype(np.float32))
    np.testing.assert_allclose(ENCODERS[name].normalise(photo), expected, atol=1e-4)


def test_normalisations_use_what_they_have_learned_also_after_resizing():
    photo = photos(1, 64, seed=0)
    model = build(ENCODERS["xception"], None, 64)
    expected = model(photo, training=False)["pooled"]
    np.testing.assert_array_equal(model(photo)["pooled"], expected)
