import numpy as np

from tests.training.conftest import TINY
from training.encoders import build, check


def test_it_shows_that_an_encoder_learns_converts_and_is_served():
    names, _, values = (line.strip("| ").split(" | ") for line in check.table("tiny").splitlines())
    row = dict(zip(names, values, strict=True))
    assert (row["encoder"], row["pooled"], row["grid"]) == ("tiny", "1280", "3×3×48")
    assert float(row["cosine"]) > 0.98
    before, after = map(float, row["loss"].split("→"))
    assert after < before


def test_the_step_goes_through_all_of_the_encoder():
    model = build(TINY, None, TINY.size)
    check.spread(model)
    kernels = [layer.get_weights()[0] for layer in model.layers if layer.weights]
    check.learn(model, check.photos(1, TINY.size, seed=0))
    moved = [layer.get_weights()[0] for layer in model.layers if layer.weights]
    assert all(np.any(before != after) for before, after in zip(kernels, moved, strict=True))
