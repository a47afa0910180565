"""Computes what training.data.features reads, from TFRecord datasets and an encoder's weights."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from tqdm import tqdm

from app.captioning.captioner import squash
from app.captioning.checkpoint import sha256
from app.captioning.detector import PHOTO_SIZE as DETECTOR_SIZE
from app.captioning.detector import non_maximum_suppression
from app.captioning.engines.litert import Graph, detections_of
from training.data.augmentation import PHOTO_SIZE, augment
from training.data.datasets import open_split
from training.data.features import FACTS, encoder_folder, load_facts, pack_photos
from training.data.photos import upright
from training.data.tfrecord import METADATA, read_metadata
from training.data.tokenization import TOKENS_VERSION, tokens
from training.encoders import ENCODERS, build, read_weights
from training.encoders.int8 import Matching, convert_encoder
from training.saving import save_arrays, save_json, save_text

FEATURES_VERSION = 1
"""Of how photos become features: raise it where squashing, augmentation or the conversion to int8
change, and all whose datasets are here are computed anew."""
CALIBRATION_PHOTOS = 300
MATCHING_PHOTOS = 1000
SPLITS = ("train", "dev")
LANGUAGES = ("en", "zh")
JPEG_QUALITY = 90

_graph: Any
"""The graph of a worker process."""


def prepare_encoder(
    encoder: str, weights: Path, kind: str, calibration: Path, features: Path
) -> Path:
    """The folder of an encoder's features, with the encoder in int8 in it.

    Args:
        encoder: one of ENCODERS.
        weights: its weights file.
        kind: "pooled" or "grid".
        calibration: a dataset, from whose training photos the ranges of activations are taken.
        features: the folder of all features.

    Raises:
        FileNotFoundError: there is no such weights file.
        WeightsError: the weights are not the encoder's.
        DatasetError: there is no such dataset.
    """
    digest = sha256(weights)
    folder = encoder_folder(features, encoder, kind, weights)
    if _version(folder / "encoder.json") == FEATURES_VERSION:
        return folder
    values = read_weights(weights)
    model = build(ENCODERS[encoder], values, PHOTO_SIZE, 1, kind)
    folder.mkdir(parents=True, exist_ok=True)
    photos = islice(_photos(calibration), CALIBRATION_PHOTOS)
    (folder / "encoder.tflite").write_bytes(convert_encoder(model, photos))
    _save_matching(model, kind, calibration, folder)
    stage = ENCODERS[encoder].stage
    if kind == "grid" and stage:
        arrays = {f"{nth:03}": np.asarray(one, np.float32) for nth, one in enumerate(stage(values))}
        save_arrays(folder / "stage.npz", arrays)
    facts = {
        "version": FEATURES_VERSION,
        "encoder": encoder,
        "kind": kind,
        "weights_sha256": digest,
        "photo_size": PHOTO_SIZE,
        "calibrated_on": calibration.name,
    }
    save_json(folder / "encoder.json", facts)
    return folder


def _version(path: Path) -> int | None:
    """Of the features that a file describes; None where there is none."""
    if not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8")).get("version", 1)


def load_matching(folder: Path) -> Matching:
    """Of a folder that prepare_encoder() gave."""
    with np.load(folder / "matching.npz") as arrays:
        return Matching(**arrays)


def versions() -> dict[str, int]:
    """What a collection's features say of the program that computed them."""
    return {"version": FEATURES_VERSION, "tokens": TOKENS_VERSION}


def compute_features(
    dataset: Path, folder: Path, augmentations: int, workers: int, photos: bool = False
) -> Path:
    """Features of one collection, computed unless they are there already.

    Args:
        dataset: the collection, a TFRecord dataset.
        folder: from prepare_encoder().
        augmentations: of each training photo; 0 where nothing but its captions is wanted.
        photos: whether the photos are packed beside them.

    Returns:
        The collection's folder of features, as training.data.features reads it.

    Raises:
        DatasetError: there is no such dataset.
    """
    out = folder / dataset.name
    encoder = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    splits = _splits(dataset)
    facts = {
        "dataset_sha256": sha256(dataset / METADATA),
        "augmentations": augmentations,
        **versions(),
    }
    if not _is_there(out, facts):
        out.mkdir(exist_ok=True)
        (out / FACTS).unlink(missing_ok=True)  # what is half written must not be taken for whole
        for split in SPLITS:
            for name in (f"{split}.jsonl", f"{split}-photos.npz"):
                (out / name).unlink(missing_ok=True)
        for split in splits:
            _write_captions(dataset, split, out)
            if augmentations:
                count = augmentations if split == "train" else 1
                kind, graph = encoder["kind"], folder / "encoder.tflite"
                _write(dataset, split, graph, partial(_encode, kind, count), out, kind, workers)
        save_json(out / FACTS, encoder | facts)
    for split in splits if photos else ():
        if not (out / f"{split}-photos.npz").exists():
            files = [squashed_file(example.photo) for example in open_split(dataset, split)]
            pack_photos(out / f"{split}-photos.npz", files)
    return out


def compute_regions(dataset: Path, out: Path, detector: Path, workers: int) -> None:
    """What a detector finds on each augmentation of each photo, beside its other features.

    Args:
        out: the collection's folder, from compute_features().
        detector: a graph of training.encoders.detector.
    """
    facts = load_facts(out)
    digest = sha256(detector)
    if facts.get("detector_sha256") == digest:
        return
    for split in _splits(dataset):
        count = facts["augmentations"] if split == "train" else 1
        _write(dataset, split, detector, partial(_detect, count), out, "regions", workers)
    save_json(out / FACTS, facts | {"detector_sha256": digest})


def _splits(dataset: Path) -> list[str]:
    """Those that a collection has; one that is learned from alone has no dev photos."""
    sizes = read_metadata(dataset).sizes
    return [split for split in SPLITS if sizes.get(split)]


def _is_there(out: Path, facts: dict[str, Any]) -> bool:
    """More augmentations than are asked for do no harm."""
    try:
        found = load_facts(out)
    except FileNotFoundError:
        return False
    same = all(found.get(name) == facts[name] for name in ("dataset_sha256", *versions()))
    return same and found["augmentations"] >= facts["augmentations"]


def _write_captions(dataset: Path, split: str, out: Path) -> None:
    entries = [
        {"name": example.file_name}
        | {
            language: [tokens(text, language) for text in example.captions[language]]
            for language in LANGUAGES
            if example.captions.get(language)
        }
        for example in open_split(dataset, split)
    ]
    lines = (json.dumps(entry, ensure_ascii=False) for entry in entries)
    save_text(out / f"{split}.jsonl", "\n".join(lines))


def _write(
    dataset: Path, split: str, graph: Path, look: Any, out: Path, name: str, workers: int
) -> None:
    """What a graph sees on photos, float16 (augmentations, photos, …), a photo at a time."""
    size = sum(1 for _ in open_split(dataset, split))
    jobs = ((example.file_name, example.photo) for example in open_split(dataset, split))
    seen = in_processes(look, jobs, _load, graph, workers)
    _write_rows(out / f"{split}-{name}.npy", size, seen, f"{dataset.name}, {split}")


def in_processes(
    look: Callable[[Any], Any],
    jobs: Iterable[Any],
    prepare: Callable[[Any], None],
    given: Any,
    workers: int,
) -> Iterator[Any]:
    """What look() makes of each job, in their order, by processes each of which began with
    prepare(given)."""
    # TensorFlow may be running here, and what it runs does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=prepare, initargs=(given,)) as pool:
        yield from pool.imap(look, jobs, chunksize=16)


def _write_rows(path: Path, photos: int, seen: Iterable[np.ndarray], title: str) -> None:
    rows: np.ndarray | None = None
    for row, values in enumerate(tqdm(seen, title, photos, unit="photo", disable=None)):
        if rows is None:
            shape = (len(values), photos, *values.shape[1:])
            rows = np.lib.format.open_memmap(path, "w+", np.float16, shape)
        rows[:, row] = values


def _load(graph: Path) -> None:
    global _graph
    _graph = Graph(graph)


def _encode(kind: str, augmentations: int, job: tuple[str, bytes]) -> np.ndarray:
    name, file = job
    photo = squashed(file)
    seen = (augment(photo, nth, name) for nth in range(augmentations))
    return np.stack([_graph(photo=one[None])[kind][0] for one in seen]).astype(np.float16)


def _detect(augmentations: int, job: tuple[str, bytes]) -> np.ndarray:
    name, file = job
    photo = np.asarray(squash(upright(file), DETECTOR_SIZE))
    seen = (augment(photo, nth, name) for nth in range(augmentations))
    found = (non_maximum_suppression(detections_of(_graph, one)) for one in seen)
    return np.stack([one.pack() for one in found])


def _photos(dataset: Path) -> Iterator[np.ndarray]:
    return (squashed(example.photo) for example in open_split(dataset, "train"))


def squashed(file: bytes) -> np.ndarray:
    """A photo's file as encoders take it, uint8 (PHOTO_SIZE, PHOTO_SIZE, 3)."""
    return np.asarray(squash(upright(file), PHOTO_SIZE))


def squashed_file(file: bytes) -> bytes:
    """The file itself where there is nothing to squash: a JPEG saved again is worse."""
    with Image.open(BytesIO(file)) as opened:
        plain = opened.mode == "RGB" and not {"exif", "icc_profile"} & set(opened.info)
        if opened.format == "JPEG" and plain and opened.size == (PHOTO_SIZE, PHOTO_SIZE):
            return file
    saved = BytesIO()
    Image.fromarray(squashed(file)).save(saved, "JPEG", quality=JPEG_QUALITY)
    return saved.getvalue()


def _save_matching(model: keras.Model, kind: str, dataset: Path, folder: Path) -> None:
    """Compares the float encoder with the int8 one on the first training photos."""
    import tensorflow as tf

    encode = tf.function(partial(model, training=False))
    graph = Graph(folder / "encoder.tflite")
    before, after = [], []
    for photo in islice(_photos(dataset), MATCHING_PHOTOS):
        before.append(encode(photo[None])[kind].numpy())
        after.append(graph(photo=photo[None])[kind])
    matching = Matching.of(np.concatenate(before), np.concatenate(after))
    save_arrays(folder / "matching.npz", asdict(matching))
