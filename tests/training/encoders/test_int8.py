import numpy as np

from app.captioning.engines.litert import Graph
from tests.training.conftest import TINY
from training.encoders import build
from training.encoders.check import cosine, photos, spread
from training.encoders.int8 import Matching, convert_encoder


def test_float_features_are_taken_to_the_int8_encoder_s_mean_and_deviation():
    random = np.random.default_rng(0)
    before = random.normal(3, 2, (50, 4, 5)).astype(np.float32)
    after = 0.9 * before + random.normal(0.2, 0.01, before.shape).astype(np.float32)
    matching = Matching.of(before, after)
    assert matching.scale.dtype == matching.shift.dtype == np.float32
    np.testing.assert_allclose(before * matching.scale + matching.shift, after, atol=0.1)


def test_a_feature_that_never_moves_is_only_shifted():
    still = np.ones((10, 1), np.float32)
    matching = Matching.of(still, 3 * still)
    assert (matching.scale.tolist(), matching.shift.tolist()) == ([1], [2])


def test_an_encoder_in_int8_is_near_the_float_one(tmp_path):
    model = build(TINY, None, TINY.size, batch_size=1)
    spread(model)
    for calibration in (photos(8, TINY.size, seed=1), None):
        (tmp_path / "encoder.tflite").write_bytes(convert_encoder(model, calibration))
        photo = photos(1, TINY.size, seed=2)
        served = Graph(tmp_path / "encoder.tflite")(photo=photo)["pooled"]
        assert cosine(served, np.asarray(model(photo)["pooled"])) > 0.97
