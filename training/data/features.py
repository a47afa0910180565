"""Features of a whole dataset from a frozen encoder, computed once and kept on disk.

    python -m training.data.features --dataset data/flickr8k --encoder efficientnet_lite3 \\
        --weights efficientnet_lite3.tflite --out runs/features

The encoder is first converted to int8, calibrated on training photos, and the features are those
of the converted graph: the decoder learns from exactly what it will be served. Each training photo
is seen in several views: as it is, mirrored, and cropped. Pooled features are one vector a photo;
a map (--kind map) has one a cell, for decoders that attend or go on training the encoder's end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from app.captioning.captioner import squash
from app.captioning.checkpoint import sha256
from training.data import open_split
from training.data.augmentation import PHOTO_SIZE, view
from training.data.corpus import Features
from training.data.photos import upright
from training.encoders import ENCODERS, WeightsError, build, find_weights, read_weights
from training.export.conversion import Matching, convert_encoder

CALIBRATION_PHOTOS = 300
MATCHING_PHOTOS = 1000
TAIL = "tail.npz"

_encode: Any
"""The encoder of a worker process."""


def load_features(folder: Path, split: str) -> Features:
    """Raises FileNotFoundError where they were not computed."""
    names = json.loads((folder / "features.json").read_text(encoding="utf-8"))["names"][split]
    tail = None
    if (folder / TAIL).exists():
        with np.load(folder / TAIL) as arrays:
            tail = [arrays[name] for name in arrays]
    return Features(names, np.load(folder / f"{split}.npy", mmap_mode="r"), tail)


def compute(
    dataset: Path,
    encoder: str,
    weights: Path,
    out: Path,
    views: int,
    workers: int,
    kind: str = "pooled",
) -> None:
    """Writes encoder.tflite, train.npy, dev.npy, features.json, matching.npz and, for a map that
    the encoder's tail sees, tail.npz into out."""
    weights = find_weights(ENCODERS[encoder], weights)
    values = read_weights(weights)
    model = build(ENCODERS[encoder], values, PHOTO_SIZE, 1, kind)
    calibration = (
        np.asarray(_squashed(example.photo))
        for example, _ in zip(open_split(dataset, "train"), range(CALIBRATION_PHOTOS), strict=False)
    )
    graph = out / "encoder.tflite"
    out.mkdir(parents=True, exist_ok=True)
    graph.write_bytes(convert_encoder(model, calibration))
    names = {}
    for split, count in (("train", views), ("dev", 1)):
        names[split] = _encode_split(dataset, split, graph, count, workers, out / f"{split}.npy")
    if kind == "map" and (tail := ENCODERS[encoder].tail):
        np.savez(out / TAIL, *tail(values))
    facts = {
        "encoder": encoder,
        "kind": kind,
        "photo_size": PHOTO_SIZE,
        "weights_sha256": sha256(weights),
        "names": names,
    }
    (out / "features.json").write_text(json.dumps(facts), encoding="utf-8")
    _save_matching(model, dataset, out)


def load_matching(folder: Path) -> Matching:
    with np.load(folder / "matching.npz") as arrays:
        return Matching(**arrays)


def _save_matching(model: keras.Model, dataset: Path, out: Path) -> None:
    """Compares the float encoder with the int8 one on the first training photos."""
    photos = zip(open_split(dataset, "train"), range(MATCHING_PHOTOS), strict=False)
    squashed = (np.asarray(_squashed(example.photo))[None] for example, _ in photos)
    encode = tf.function(partial(model, training=False))
    features = np.concatenate([encode(photo)["features"] for photo in squashed])
    int8 = load_features(out, "train").values[0, : len(features)].astype(np.float32)
    np.savez(out / "matching.npz", **asdict(Matching.of(features, int8)))


def _squashed(photo: bytes) -> Image.Image:
    return squash(upright(photo), PHOTO_SIZE)


def _encode_split(
    dataset: Path, split: str, graph: Path, views: int, workers: int, out: Path
) -> list[str]:
    """Writes features float16 (views, photos, n) or (views, photos, cells, n), a photo at a time,
    and returns the photos' file names."""
    names: list[str] = []
    photos = sum(1 for _ in open_split(dataset, split))

    def jobs() -> Iterator[tuple[str, bytes]]:
        for example in open_split(dataset, split):
            names.append(example.file_name)
            yield example.file_name, example.photo

    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=_load, initargs=(graph,)) as pool:
        encode = partial(_encode_views, views)
        write_rows(out, photos, pool.imap(encode, jobs(), chunksize=16), split)
    return names


def write_rows(out: Path, photos: int, seen: Iterable[np.ndarray], split: str) -> None:
    """Writes what is known of photos, float16 (views, photos, …), a photo at a time.

    Args:
        seen: (views, …) of each photo.
    """
    rows: np.ndarray | None = None
    for row, views in enumerate(tqdm(seen, split, photos, unit="photo")):
        if rows is None:
            shape = (len(views), photos, *views.shape[1:])
            rows = np.lib.format.open_memmap(out, "w+", np.float16, shape)
        rows[:, row] = views


def _load(graph: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    global _encode
    _encode = Interpreter(str(graph), num_threads=1).get_signature_runner()


def _encode_views(views: int, job: tuple[str, bytes]) -> np.ndarray:
    name, photo = job
    squashed = _squashed(photo)
    return np.stack(
        [
            _encode(photo=np.asarray(view(squashed, index, name))[None])["features"][0]
            for index in range(views)
        ]
    ).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--encoder", choices=ENCODERS, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--kind", choices=("pooled", "map"), default="pooled")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    try:
        compute(**vars(parser.parse_args()))
    except (WeightsError, FileNotFoundError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
