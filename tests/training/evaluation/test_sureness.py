import numpy as np

from app.captioning.sureness import Steps
from tests.training.conftest import Pipeline
from training.evaluation.sureness import WINDOW, curve, measure, shares


def test_a_share_of_each_step_comes_close() -> None:
    means = np.array([0.9, 0.8, 0.5, 0.45, 0.1])
    close = np.array([True, False, True, True, False])
    assert shares(means, close, Steps(0.7, 0.4)) == {
        "sure": {"captions": 2, "close": 50.0},
        "unsure": {"captions": 2, "close": 100.0},
        "guess": {"captions": 1, "close": 0.0},
    }


def test_the_curve_falls_where_surer_captions_are_better() -> None:
    means = np.random.default_rng(0).permutation(np.linspace(0, 1, 4 * WINDOW))
    found = list(curve(means, means > 0.5))
    assert found[0] == {"from": 0.752, "close": 100.0}
    assert [one["close"] for one in found] == sorted((one["close"] for one in found), reverse=True)
    assert found[-1]["close"] == 0.0


def test_half_of_the_photos_choose_and_the_others_tell(pipeline: Pipeline) -> None:
    found = measure(pipeline.checkpoint, pipeline.dataset, "dev", "en")
    assert sum(step["captions"] for step in found["of the others"].values()) == 3
    assert len(found["to choose by"]) == 1
