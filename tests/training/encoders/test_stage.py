import numpy as np
import pytest

from training import encoders
from training.encoders.efficientnet_lite import encoder
from training.encoders.stage import EncoderStage, as_convolutions

TINY = encoder("tiny", 0.25, 0.3, 96, "", "", "")
PHOTOS = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def weights() -> encoders.Weights:
    """Random, and such that photos are still told apart after many layers (He et al. 2015)."""
    random = np.random.default_rng(0)
    layers = [layer.get_weights() for layer in encoders.build(TINY, None, 96).layers]
    return [tuple(he_normal(random, array) for array in one) for one in layers if one]


def he_normal(random: np.random.Generator, array: np.ndarray) -> np.ndarray:
    if array.ndim == 1:
        return array
    height, width, inputs, outputs = array.shape
    summed = height * width * (inputs if outputs > 1 else 1)
    return random.normal(0, (2 / summed) ** 0.5, array.shape).astype(np.float32)


def encode(weights: encoders.Weights, features: str) -> dict[str, np.ndarray]:
    return encoders.build(TINY, weights, 96, features=features)(PHOTOS)


def test_the_grid_and_the_stage_give_what_the_whole_encoder_gives(weights: encoders.Weights):
    stage = EncoderStage.of(TINY.stage(weights))
    seen = stage(encode(weights, "grid"))
    pooled = encode(weights, "pooled")["pooled"].numpy()
    assert pooled.std(axis=0).max() > 0.01
    np.testing.assert_allclose(seen["pooled"], pooled, rtol=1e-3, atol=1e-4)
    side = (TINY.grid_shape[0] + 1) // 2  # 3 × 3 cells, averaged by 2 × 2.
    assert seen["grid"].shape == (2, side * side, stage.blocks[-1].project.units)


def test_a_stage_that_was_trained_is_put_back_into_the_encoder(weights: encoders.Weights):
    stage = EncoderStage.of(TINY.stage(weights))
    stage.set_weights([array + 0.01 for array in stage.get_weights()])
    convolutions = as_convolutions(stage.get_weights())
    trained = weights[: -len(convolutions)] + convolutions
    pooled = encode(trained, "pooled")["pooled"]
    np.testing.assert_allclose(
        stage(encode(weights, "grid"))["pooled"], pooled, rtol=1e-3, atol=1e-4
    )
