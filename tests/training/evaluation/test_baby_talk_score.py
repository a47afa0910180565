"""Baby Talk as a baseline."""

from pathlib import Path
from typing import Any, cast

import pytest

from app.captioning.grounding import Box, Region
from tests.training.scripted import ScriptedCaptioner, write_dataset
from training.evaluation.baby_talk_score import measure

DOG = Region(Box(0.4, 0.4, 0.6, 0.8), "dog", 0.9)


def scores(tmp_path: Path, **seen: Any) -> dict[str, Any]:
    captions = {60: ["This photo shows a dog in the middle."] * 2, 90: ["A quiet street."] * 2}
    dataset = write_dataset(tmp_path / "dataset", captions)
    captioner = ScriptedCaptioner({}, objects=("dog",), **seen)
    return measure(cast(Any, captioner), dataset, "train", "en")


def test_what_was_detected_is_scored_and_silence_too(tmp_path: Path):
    found = scores(tmp_path, regions={60: (DOG,)})
    assert (found["photos"], found["said"]) == (2, 1)
    assert 0 < found["BLEU-1"] <= 100


def test_a_model_without_a_detector_is_refused(tmp_path: Path):
    dataset = write_dataset(tmp_path / "dataset", {60: ["A dog."]})
    with pytest.raises(ValueError, match="scripted has no detector"):
        measure(cast(Any, ScriptedCaptioner({})), dataset, "train", "en")
