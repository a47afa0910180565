import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from app.captioning.detector import (
    CHANNELS,
    PHOTO_SIZE,
    Detections,
    anchors,
    non_maximum_suppression,
)
from app.captioning.objects import objects
from training.evaluation import detection_score as module
from training.evaluation.detection_score import Rows, converted, detection_score, original

BOXES = {1: [(10, 0, 20, 50)], 2: [(0, 25, 50, 25), (100, 0, 50, 50)], 3: [(0, 0, 150, 50)]}
"""Of persons, in pixels, by photo: left, top, width, height."""
WIDTHS = {1: 100, 2: 200, 3: 300}
DOG = 18


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, width in WIDTHS.items():
        Image.new("RGB", (width, 50)).save(folder / f"{number}.jpg")
    return folder


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    every = [(photo, box) for photo, boxes in BOXES.items() for box in boxes]
    annotations = [
        {
            "id": number,
            "image_id": photo,
            "category_id": 1,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        for number, (photo, box) in enumerate(every, 1)
    ]
    images = [
        {"id": number, "file_name": f"{number}.jpg", "width": width, "height": 50}
        for number, width in WIDTHS.items()
    ]
    categories = [{"id": 1, "name": "person"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    return tmp_path / "boxes.json"


def right(photo: np.ndarray) -> Rows:
    """Where the persons are."""
    width = photo.shape[1]
    (number,) = (number for number, its in WIDTHS.items() if its == width)
    edges = [(left, top, left + wide, top + high) for left, top, wide, high in BOXES[number]]
    return [(np.array(one) / [width, 50, width, 50], 0.9) for one in edges]


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, images: Path, boxes: Path):
    def scored(find, photos: int | None = None) -> dict:
        monkeypatch.setattr(module, "converted", lambda detector: find)
        return detection_score(boxes, images, Path("any.tflite"), photos)

    return scored


def test_who_finds_all_persons_and_no_more_has_the_highest_precision(score):
    assert score(right) == {"photos": 3, "AP": pytest.approx(1), "AP50": pytest.approx(1)}


def test_who_finds_half_of_them_has_half(score):
    figures = score(lambda photo: right(photo) if photo.shape[1] == 200 else [])
    # Precision is read at 101 recalls, of which 51 are at most a half.
    assert figures["AP"] == pytest.approx(51 / 101)


def test_who_finds_them_about_has_some_of_it(score):
    def narrower(photo: np.ndarray) -> Rows:
        """Boxes that overlap by 0.72: enough for five of COCO's ten limits."""
        shrink = np.array([0, 0, 0.28, 0])
        return [(box - shrink * (box[2] - box[0]), score) for box, score in right(photo)]

    figures = score(narrower)
    assert figures == {"photos": 3, "AP": pytest.approx(0.5), "AP50": pytest.approx(1)}


def test_what_is_surely_no_person_costs_precision(score):
    figures = score(lambda photo: [*right(photo), (np.array([0.9, 0.9, 1, 1]), 0.95)])
    assert 0.3 < figures["AP50"] < 0.7


def test_only_the_first_photos_count_where_that_is_asked_for(score):
    def find(photo: np.ndarray) -> Rows:
        return right(photo) if photo.shape[1] == 100 else []

    assert score(find, 1)["AP"] == pytest.approx(1)
    assert score(find)["AP"] < 0.5


def test_who_finds_nobody_has_none(score):
    assert score(lambda photo: []) == {"photos": 3, "AP": 0, "AP50": 0}


def apart(count: int) -> list[int]:
    """So many anchors that do not overlap much: every other cell of the finest map's squares."""
    cells = [row * 19 + column for row in range(0, 19, 2) for column in range(0, 19, 2)]
    return [3 * cell for cell in cells[:count]]


def detections(scores: dict[int, float], kind: str) -> Detections:
    table = np.zeros((len(anchors()), len(objects())), np.float32)
    table[list(scores), list(objects()).index(kind)] = list(scores.values())
    return Detections(
        np.zeros((len(anchors()), 4), np.float32), table, np.zeros((10, 10, CHANNELS))
    )


def test_the_service_keeps_few_regions_and_a_measurement_many():
    seen = detections(
        {place: 0.02 if at > 20 else 0.4 for at, place in enumerate(apart(30))}, "dog"
    )
    assert len(non_maximum_suppression(seen).scores) == 10
    assert len(non_maximum_suppression(seen, most=50).scores) == 21
    assert len(non_maximum_suppression(seen, 0.01, 50).scores) == 30
    assert len(non_maximum_suppression(seen, 0.01, 25).scores) == 25


@pytest.mark.parametrize(("kind", "found"), [("person", 40), ("dog", 0)])
def test_a_converted_detector_finds_persons_of_which_it_is_hardly_sure(
    monkeypatch: pytest.MonkeyPatch, kind: str, found: int
):
    def detect(runner: str, photo: np.ndarray) -> Detections:
        assert runner == "a detector"
        assert photo.shape == (PHOTO_SIZE, PHOTO_SIZE, 3)
        return detections({place: 0.02 for place in apart(40)}, kind)

    monkeypatch.setattr(module, "Graph", lambda graph: "a detector")
    monkeypatch.setattr(module, "detections_of", detect)
    rows = converted(Path("any"))(np.zeros((50, 100, 3), np.uint8))
    assert len(rows) == found
    for box, score in rows:
        assert score == pytest.approx(0.02)
        assert box[2] - box[0] == pytest.approx(0.1, abs=0.05)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A detector that sees two persons and a dog on bright photos, as it was frozen the first
    person alone."""
    graph = tf.Graph()
    with graph.as_default():
        photo = tf.compat.v1.placeholder(tf.uint8, (None, None, None, 3), name="image_tensor")
        brightness = tf.reduce_mean(tf.cast(photo, tf.float32)) / 255
        boxes = [[[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], [0, 0, 0.5, 0.5]]]
        tf.constant(boxes, name="detection_boxes")
        scores = [[0.9, 0.8, 0.02]] * brightness
        least = tf.constant(0.3, name="Postprocessor/FilterGreaterThan_1/Greater/y")
        tf.where(scores > least, scores, 0.0, name="detection_scores")
        tf.constant([[1.0, float(DOG), 1.0]], name="detection_classes")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return tmp_path / "graph.pb"


def test_the_original_graph_gives_persons_with_their_edges_in_our_order(graph: Path):
    sure, hardly = original(graph)(np.full((50, 100, 3), 255, np.uint8))
    np.testing.assert_allclose(sure[0], [0.2, 0.1, 0.4, 0.3])
    assert sure[1] == pytest.approx(0.9)
    assert hardly[1] == pytest.approx(0.02)


def test_scores_below_the_least_are_left_out(graph: Path):
    """Here 0.4 times as high."""
    ((_, score),) = original(graph)(np.full((50, 100, 3), 102, np.uint8))
    assert score == pytest.approx(0.36)


def test_another_graph_is_refused(tmp_path: Path):
    (tmp_path / "graph.pb").write_bytes(tf.Graph().as_graph_def().SerializeToString())
    with pytest.raises(ValueError, match="no detector of the object detection API"):
        original(tmp_path / "graph.pb")
    (tmp_path / "graph.pb").write_bytes(b"\xff\xff no graph at all")
    with pytest.raises(ValueError, match=r"graph\.pb is no frozen graph"):
        original(tmp_path / "graph.pb")


@pytest.mark.parametrize("content", ["[]", "{", '{"images": [{}]}'])
def test_boxes_in_another_layout_are_refused(score, boxes: Path, content: str):
    boxes.write_text(content)
    with pytest.raises(ValueError, match=r"boxes\.json"):
        score(right)
