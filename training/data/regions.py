"""Features for decoders that point at what was detected: of the whole photo, and of its regions.

    python -m training.data.regions --dataset data/mixed --features runs/features \\
        --tail runs/again/en \\
        --detector runs/detector.tflite --graph frozen_inference_graph.pb --out runs/regions

Takes the map of each photo from --features (training.data.features --kind map), lets the encoder's
tail as a run has trained it look at it, and adds what the detector finds on the same view of the
photo. The result is a features folder as any other, of one vector a photo; docs/training.md says
when it is needed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from app.captioning.captioner import squash
from app.captioning.checkpoint import sha256
from app.captioning.detector import PHOTO_SIZE, sift
from app.captioning.engines.litert import DETECTOR, Graph, detections_of
from training.data import open_split
from training.data.augmentation import view
from training.data.features import TAIL, load_features, write_rows
from training.data.photos import upright
from training.decoders.front import Tail
from training.train.runs import features_facts, load_run, read_config

COPIED = ("encoder.tflite", "matching.npz")
GRAPH = "detector.pb"
PHOTOS_AT_ONCE = 100

_detector: Any
"""The detector of a worker process."""


def compute(
    dataset: Path,
    features: Path,
    tail: Path,
    detector: Path,
    graph: Path,
    out: Path,
    views: int,
    workers: int,
) -> None:
    """Writes the features folder.

    Args:
        features: a folder of training.data.features, of a map that the encoder's tail sees, with at
            least as many views.
        tail: a run that has trained the tail on such features.
        detector: from training.encoders.detector.
        graph: that it was made of.

    Raises:
        FileNotFoundError: one of these is not there.
        ValueError: they do not belong together.
    """
    front = load_run(tail).decoder.front
    if not isinstance(front, Tail) or read_config(tail)["features"] != features_facts(features):
        raise ValueError(f"{tail} has trained no tail of what {features} holds")
    out.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", views), ("dev", 1)):
        _write_split(dataset, split, features, front, detector, count, workers, out)
    for name in COPIED:
        shutil.copy(features / name, out / name)
    shutil.copy(detector, out / DETECTOR)
    shutil.copy(graph, out / GRAPH)
    np.savez(out / TAIL, *front.get_weights())
    facts = json.loads((features / "features.json").read_text(encoding="utf-8"))
    facts["detector_sha256"] = sha256(detector)
    (out / "features.json").write_text(json.dumps(facts), encoding="utf-8")


def _write_split(
    dataset: Path,
    split: str,
    features: Path,
    tail: Tail,
    detector: Path,
    views: int,
    workers: int,
    out: Path,
) -> None:
    """A row a view and photo: what the tail packs, then what Found.pack() does."""
    maps = load_features(features, split)
    look = tf.function(lambda seen: tail.pack(tail(seen)), reduce_retracing=True)

    def packed(found: Iterable[tuple[str, np.ndarray]]) -> Iterator[np.ndarray]:
        for row, (name, regions) in enumerate(found):
            if name != maps.names[row]:
                raise ValueError(f"{features} was computed from another dataset than {dataset}")
            whole = look(maps.values[:views, row].astype(np.float32)).numpy()
            yield np.concatenate([whole, regions], axis=1)

    with multiprocessing.get_context("spawn").Pool(workers, _open, (detector,)) as pool:
        jobs = ((one.file_name, one.photo) for one in open_split(dataset, split))
        found = pool.imap(partial(_regions, views), jobs, chunksize=16)
        write_rows(out / f"{split}.npy", len(maps.names), packed(found), split)


def _open(detector: Path) -> None:
    global _detector
    _detector = Graph(detector)


def _regions(views: int, job: tuple[str, bytes]) -> tuple[str, np.ndarray]:
    name, photo = job
    squashed = squash(upright(photo), PHOTO_SIZE)
    seen = (np.asarray(view(squashed, index, name)) for index in range(views))
    return name, np.stack([sift(detections_of(_detector, one)).pack().ravel() for one in seen])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--tail", type=Path, required=True)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--graph", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    try:
        compute(**vars(given))
    except (FileNotFoundError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
