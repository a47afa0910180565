import shutil
from pathlib import Path

import numpy as np
import pytest

from app.captioning.checkpoint import open_checkpoint
from app.captioning.confidence import Confidence
from tests.training.conftest import Pipeline
from training.evaluation.confidence import SURE, UNSURE, choose, measure, shares
from training.export.card import record_confidence

NEVER = Confidence(1.0, 1.0)


def test_a_share_of_each_level_comes_close() -> None:
    means = np.array([0.9, 0.8, 0.5, 0.45, 0.1])
    close = np.array([True, False, True, True, False])
    assert shares(means, close, Confidence(0.7, 0.4)) == {
        "sure": {"captions": 2, "close": 50.0},
        "unsure": {"captions": 2, "close": 100.0},
        "guess": {"captions": 1, "close": 0.0},
    }


def test_thresholds_are_where_captions_have_the_chance_to_come_close() -> None:
    generator = np.random.default_rng(0)
    means = generator.uniform(size=20_000)
    chances = 1 / (1 + np.exp(-(8 * means - 4)))
    chosen = choose(means, generator.uniform(size=20_000) < chances)
    assert chosen.sure == pytest.approx((np.log(SURE / (1 - SURE)) + 4) / 8, abs=0.02)
    assert chosen.unsure == pytest.approx((np.log(UNSURE / (1 - UNSURE)) + 4) / 8, abs=0.02)


def test_where_surer_captions_are_not_better_all_are_guesses() -> None:
    means = np.linspace(0, 1, 100)
    assert choose(means, means < 0.5) == NEVER
    assert choose(means, np.zeros(100, bool)) == NEVER


def test_where_all_come_close_all_are_sure() -> None:
    assert choose(np.linspace(0.2, 0.9, 100), np.ones(100, bool)).sure == 0.0


def test_half_of_the_photos_choose_and_the_others_tell(pipeline: Pipeline) -> None:
    for count in (1, 2):
        found = measure(pipeline.checkpoint, [pipeline.dataset] * count, "dev", "en")
        assert list(found["confidence"]) == ["sure", "unsure"]
        assert sum(level["captions"] for level in found["of the others"].values()) == 3 * count
    with pytest.raises(ValueError, match="captions in en, zh, not in 'fr'"):
        measure(pipeline.checkpoint, [pipeline.dataset], "dev", "fr")


def test_the_confidence_is_written_into_the_manifest(pipeline: Pipeline, tmp_path: Path) -> None:
    checkpoint = tmp_path / "mine"
    shutil.copytree(pipeline.checkpoint, checkpoint)
    found = record_confidence(checkpoint, pipeline.dataset.parent, [pipeline.dataset.name])
    assert set(found) == {"en", "zh"}
    for language, model in open_checkpoint(checkpoint).languages.items():
        assert model.confidence == Confidence(**found[language]["confidence"])
