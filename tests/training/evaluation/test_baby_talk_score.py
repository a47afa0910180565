"""Baby Talk as a baseline."""

from pathlib import Path
from typing import Any

import pytest

from app.captioning.captioner import Captioner
from app.captioning.grounding import Box, Region
from tests.training.scripted import ScriptedCaptioner, write_dataset
from training.evaluation.baby_talk_score import measure

DOG = Region(Box(0.4, 0.4, 0.6, 0.8), "dog", 0.9)
CAPTIONS = {60: ["This photo shows a dog in the middle."] * 2, 90: ["A quiet street."] * 2}


@pytest.fixture
def score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = write_dataset(tmp_path / "dataset", CAPTIONS)

    def scored(language: str = "en", **seen: Any) -> dict[str, Any]:
        monkeypatch.setattr(
            Captioner, "load", lambda folder, pointing: ScriptedCaptioner({}, **seen)
        )
        return measure(Path("any"), dataset, "train", language)

    return scored


def test_what_was_detected_is_scored_and_silence_too(score):
    found = score(objects=("dog",), regions={60: (DOG,)})
    assert (found["photos"], found["said"]) == (2, 1)
    assert 0 < found["BLEU-1"] <= 100


def test_a_model_without_a_detector_or_photos_without_captions_are_refused(score):
    with pytest.raises(ValueError, match="scripted has no detector"):
        score()
    with pytest.raises(ValueError, match="has no 'zh' captions in train"):
        score("zh", objects=("dog",))
