"""How well a detector finds persons: COCO's average precision, by pycocotools.

    python -m training.detection_score --boxes mscoco/annotations/person_boxes.json \\
        --photos mscoco/images --detector runs/detector.tflite
    python -m training.detection_score … --graph frozen_inference_graph.pb

The second is the original graph, in float, its boxes sifted by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm

from app.photos import read_photo

NO_LIMIT = 1 << 40
PERSON = 1

Rows = list[tuple[np.ndarray, float]]
"""Of each person found: left, top, right, bottom as shares of the photo, and the score."""


def average_precision(truth: COCO, photos: Path, find: Callable[[np.ndarray], Rows]) -> dict:
    """AP (mean over IoU 0.5 to 0.95) and AP50 of persons.

    Args:
        find: what a detector finds on a photo, uint8 (height, width, 3).
    """
    results: list[dict[str, Any]] = []
    for image in tqdm(truth.loadImgs(truth.getImgIds()), leave=False, disable=None):
        photo = read_photo((photos / image["file_name"]).read_bytes(), NO_LIMIT, NO_LIMIT)
        for box, score in find(photo):
            left, top, right, bottom = (box * [image["width"], image["height"]] * 2).tolist()
            edges = [left, top, right - left, bottom - top]
            one = {"image_id": image["id"], "category_id": PERSON, "bbox": edges, "score": score}
            results.append(one)
    scoring = COCOeval(truth, truth.loadRes(results), "bbox")
    scoring.evaluate()
    scoring.accumulate()
    scoring.summarize()
    return {"AP": float(scoring.stats[0]), "AP50": float(scoring.stats[1])}
