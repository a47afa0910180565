"""From what a detector's graph gives to regions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.captioning.detector import (
    CHANNELS,
    REGIONS,
    ROW,
    Detections,
    anchors,
    non_maximum_suppression,
    overlaps,
    roi_align,
)

DOG, CAT = 16, 15
NAMES = [f"class {number}" for number in range(80)]


def detections(*found: tuple[int, int, float]) -> Detections:
    """Boxes as their anchors are: (box, class, score)."""
    scores = np.zeros((len(anchors()), 80), np.float32)
    for box, kind, score in found:
        scores[box, kind] = score
    cells = np.random.default_rng(0).normal(size=(10, 10, CHANNELS)).astype(np.float32)
    return Detections(np.zeros((len(anchors()), 4), np.float32), scores, cells)


def test_anchors_are_those_of_the_graph_that_was_trained():
    """Taken from the node Concatenate/concat of the frozen graph, as top, left, bottom, right."""
    middles, sizes = np.split(anchors(), 2, axis=1)
    edges = np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)
    assert len(edges) == 1917
    np.testing.assert_allclose(edges[0], [-0.02368, -0.02368, 0.07632, 0.07632], atol=1e-4)
    np.testing.assert_allclose(edges[1084], [-0.07374, -0.19749, 0.17374, 0.29749], atol=1e-4)
    np.testing.assert_allclose(edges[-1], [0.01266, 0.01266, 0.98734, 0.98734], atol=1e-4)


def test_encodings_move_and_stretch_anchors():
    there = detections()
    there.encodings[-1] = [10 * 0.1, 10 * -0.1, 5 * np.log(0.5), 5 * np.log(0.25)]
    centre_y, centre_x, height, width = anchors()[-1]
    left, top, right, bottom = there.boxes()[-1]
    assert (left + right) / 2 == pytest.approx(centre_x - 0.1 * width)
    assert (top + bottom) / 2 == pytest.approx(centre_y + 0.1 * height)
    assert bottom - top == pytest.approx(height / 2)
    assert right - left == pytest.approx(width / 4)


def test_the_surest_come_first_and_none_below_the_least_score():
    found = non_maximum_suppression(detections((1083, DOG, 0.5), (1600, CAT, 0.9), (5, DOG, 0.2)))
    assert [region.name for region in found.regions(NAMES)] == [NAMES[CAT], NAMES[DOG]]
    assert [region.score for region in found.regions(NAMES)] == pytest.approx([0.9, 0.5])


def test_of_boxes_of_a_class_that_cover_each_other_one_is_kept():
    beside = 1083 + 3  # the same square, a little larger
    assert overlaps(detections().boxes()[1083], detections().boxes()[[1088]])[0] > 0.6
    found = non_maximum_suppression(
        detections((1083, DOG, 0.8), (1088, DOG, 0.9), (1088, CAT, 0.7))
    )
    assert [region.name for region in found.regions(NAMES)] == [NAMES[DOG], NAMES[CAT]]
    assert (
        len(non_maximum_suppression(detections((1083, DOG, 0.8), (beside, DOG, 0.9))).classes) == 2
    )


def test_no_more_regions_than_there_is_room_for():
    boxes = range(1083, 1083 + 60 * 6, 6)
    found = non_maximum_suppression(detections(*((box, DOG, 0.5 + box / 1e5) for box in boxes)))
    assert len(found.regions(NAMES)) == REGIONS


def test_boxes_end_where_the_photo_does():
    (region,) = non_maximum_suppression(detections((0, DOG, 0.9))).regions(NAMES)
    assert region.box.left == region.box.top == 0


def test_nothing_found_is_rows_of_nothing():
    found = non_maximum_suppression(detections())
    assert found.regions(NAMES) == ()
    assert found.pack().shape == (REGIONS, ROW)
    assert not found.pack().any()


def test_a_packed_row_is_features_box_area_score_and_class_from_one():
    found = non_maximum_suppression(detections((1600, CAT, 0.9)))
    row = found.pack()[0]
    np.testing.assert_allclose(row[:CHANNELS], found.features[0])
    left, top, right, bottom, area, score, kind = row[CHANNELS:]
    assert (left, top, right, bottom) == pytest.approx(tuple(found.boxes[0]))
    assert area == pytest.approx((right - left) * (bottom - top))
    assert score == pytest.approx(0.9)
    assert kind == CAT + 1


@given(st.integers(0, 2**32 - 1))
def test_overlap_is_the_share_of_points_in_both_boxes(seed: int):
    random = np.random.default_rng(seed)
    edges = np.sort(random.integers(0, 9, size=(2, 2, 2)), axis=1)
    pixels = np.zeros((2, 9, 9), bool)
    for mask, ((left, top), (right, bottom)) in zip(pixels, edges, strict=True):
        mask[top:bottom, left:right] = True
    first, second = edges.reshape(2, 4).astype(float)
    either = (pixels[0] | pixels[1]).sum()
    expected = (pixels[0] & pixels[1]).sum() / either if either else 0
    assert overlaps(first, second[None])[0] == pytest.approx(expected)


def test_roi_align_reads_between_cells():
    ramp = np.arange(10, dtype=np.float32)[None, :, None].repeat(10, 0)
    boxes = np.array([[0.2, 0.1, 0.4, 0.9], [0.5, 0.5, 0.5, 0.5]], np.float32)
    # A ramp's mean is its value in the middle; cell i's own middle lies at (i + 0.5) / 10.
    np.testing.assert_allclose(roi_align(ramp, boxes)[:, 0], [2.5, 4.5], rtol=1e-5)


def test_roi_align_of_the_whole_map_is_near_its_mean():
    cells = np.random.default_rng(0).normal(size=(4, 4, 3)).astype(np.float32)
    whole = roi_align(cells, np.array([[0, 0, 1, 1]], np.float32))
    np.testing.assert_allclose(whole[0], cells.mean(axis=(0, 1)), atol=1e-5)
