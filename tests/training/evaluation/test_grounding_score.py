import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from app.captioning.captioner import Captioner
from app.captioning.grounding import Box, Region, Slot
from tests.training.scripted import HEIGHT, ScriptedCaptioner, write_dataset
from training.data.tfrecord import DatasetError
from training.evaluation.grounding_score import grounding_score, read_boxes

BOXES = {100: [(10, 0, 20, 50), (60, 0, 20, 50)], 200: [(0, 25, 50, 25)], 300: []}
"""Of persons, in pixels, on photos of these widths: left, top, width, height."""
LEFT, RIGHT = Box(0.1, 0, 0.3, 1), Box(0.6, 0, 0.8, 1)
NEARLY, HARDLY = Box(0.1, 0, 0.3, 0.6), Box(0.1, 0, 0.3, 0.4)
"""Intersection over union with LEFT: 0.6 and 0.4."""
NOWHERE = Box(0.4, 0, 0.5, 1)


def person(box: Box) -> Region:
    return Region(box, "person", 0.9)


REGIONS = {
    100: (person(NEARLY), person(HARDLY), Region(LEFT, "dog", 0.8), person(NOWHERE)),
    200: (person(Box(0, 0.5, 0.25, 1)), person(NOWHERE)),
}
CAPTIONS = {100: "A man and a dog.", 200: "A page.", 300: "A girl."}
SLOTS = {100: (Slot(2, 5, 0), Slot(12, 15, 2))}


@pytest.fixture
def captioner(monkeypatch: pytest.MonkeyPatch) -> ScriptedCaptioner:
    scripted = ScriptedCaptioner(CAPTIONS, REGIONS, dict(SLOTS), ("person", "dog"))
    monkeypatch.setattr(Captioner, "load", lambda folder, engine, pointing: scripted)
    return scripted


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    annotations = [
        {"image_id": width, "category_id": 1, "bbox": box, "iscrowd": 0}
        for width, of_photo in BOXES.items()
        for box in of_photo
    ]
    dog = {"image_id": 300, "category_id": 18, "bbox": (0, 0, 300, 50), "iscrowd": 0}
    images = [
        {"id": width, "file_name": f"{width}.jpg", "width": width, "height": HEIGHT}
        for width in BOXES
    ]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"images": images, "annotations": [*annotations, dog]}))
    return path


@pytest.fixture
def measure(tmp_path: Path, boxes: Path, captioner: ScriptedCaptioner):
    dataset = write_dataset(tmp_path / "photos", {width: ["A photo."] for width in BOXES})
    return partial(grounding_score, Path("any"), dataset, "train", "en", boxes)


def test_boxes_are_shares_of_their_photo_and_of_persons_alone(boxes: Path):
    read = read_boxes(boxes)
    assert list(read) == ["100.jpg", "200.jpg"]
    np.testing.assert_allclose(read["100.jpg"], [LEFT, RIGHT])
    np.testing.assert_allclose(read["200.jpg"], [[0, 0.5, 0.25, 1]])


def test_boxes_in_another_layout_are_refused(tmp_path: Path):
    (tmp_path / "boxes.json").write_text('{"images": []}')
    with pytest.raises(DatasetError, match="COCO's boxes"):
        read_boxes(tmp_path / "boxes.json")


def test_slots_are_counted_on_the_photos_that_have_boxes(measure):
    figures = measure()
    assert figures["photos"] == 2
    assert figures["captions_with_slots"] == 1
    assert figures["slots"] == 2
    assert figures["slots_per_caption"] == 1.0
    assert figures["share_of_slots"] == {"person": 50.0, "dog": 50.0}


def test_what_words_point_at_is_compared_with_all_that_was_detected(measure):
    figures = measure()
    assert figures["person_slots"] == {"count": 1, "right": 100.0}
    assert figures["person_regions"] == {"count": 5, "right": 40.0}


@pytest.mark.parametrize(("region", "right"), [(0, 100.0), (1, 0.0), (3, 0.0)])
def test_a_word_points_right_where_its_region_overlaps_a_person(
    captioner: ScriptedCaptioner, measure, region: int, right: float
):
    captioner.slots[100] = (Slot(2, 5, region),)
    assert measure()["person_slots"] == {"count": 1, "right": right}


def test_a_share_of_nothing_is_no_number(captioner: ScriptedCaptioner, measure):
    captioner.slots.clear()
    figures = measure()
    assert figures["slots_per_caption"] == 0
    assert figures["share_of_slots"] == {}
    assert figures["person_slots"] == {"count": 0, "right": None}


def test_only_the_first_photos_are_taken_where_that_is_asked_for(measure):
    assert measure(1)["photos"] == 1


def test_a_checkpoint_that_points_at_nothing_is_refused(captioner: ScriptedCaptioner, measure):
    captioner.objects = ()
    with pytest.raises(ValueError, match="has no detector"):
        measure()


def test_a_split_without_boxes_is_refused(measure, boxes: Path):
    boxes.write_text('{"images": [], "annotations": []}')
    with pytest.raises(ValueError, match="has boxes of no photo"):
        measure()
