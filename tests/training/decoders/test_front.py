import keras
import numpy as np

from tests.training.conftest import TINY, Pipeline
from training import encoders
from training.data.features import load_features
from training.decoders.front import Mean, Pooled, Tail, TailShape, front_for


def test_the_map_and_the_tail_give_what_the_whole_encoder_gives(pipeline: Pipeline):
    weights = encoders.read_weights(pipeline.weights)
    photo = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), np.uint8)
    pooled = encoders.build(TINY, weights, 96)(photo)["features"]
    cells = encoders.build(TINY, weights, 96, features="map")(photo)["features"]
    arrays = TINY.tail(weights)
    shape = TailShape.of(arrays)
    front = Tail(*shape)
    front(cells)
    front.set_weights(arrays)
    whole, attended, _ = front(cells)
    np.testing.assert_allclose(whole, pooled, rtol=1e-3, atol=1e-4)
    assert attended.shape == (2, 4, shape.blocks[-1].outputs)  # 3 × 3 cells, averaged by 2 × 2


def test_a_map_s_features_bring_their_tail(attending: Pipeline):
    tail = load_features(attending.features, "dev").tail
    expected = TINY.tail(encoders.read_weights(attending.weights))
    for ours, theirs in zip(tail, expected, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_map_without_one_is_averaged():
    cells = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    front = front_for((4, 3), None)
    assert isinstance(front, Mean)
    whole, attended, _ = front(cells)
    np.testing.assert_allclose(whole, cells.mean(axis=1), rtol=1e-5)
    assert np.array_equal(attended, cells)


def test_pooled_features_have_no_cells():
    front = front_for((3,), None)
    assert isinstance(front, Pooled)
    assert front(keras.ops.ones((1, 3)))[1] is None
