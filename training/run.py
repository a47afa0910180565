"""From datasets and weights to a checkpoint: a recipe, all of it, from where it stopped.

Checkpoints are written by TensorFlow, which is imported when that is done: a machine with a GPU may
have another backend of Keras, and the run folder alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from app.captioning.checkpoint import MANIFEST, CheckpointError, sha256
from training.data.features import encoder_folder
from training.encoders import Weights, read_weights
from training.inputs import (
    Places,
    check_features,
    encoder_of,
    first_weights,
    load_beginning,
    prepare,
    prepare_detector,
    pretrained_weights,
)
from training.recipes import ENCODER, Recipe, recipe_from_json
from training.saving import save_copy
from training.train.run_folder import has_begun, read_record
from training.train.training import ENCODER_WEIGHTS, Beginning, train

FIRST_WEIGHTS = "first_encoder.npz"
"""In a run folder: the weights of an encoder that came with a checkpoint."""


def run_recipe(recipe: Recipe, folder: Path, checkpoint: Path, places: Places) -> Path:
    """Trains a recipe, exports it and scores it; what is trained already is not trained again.

    Args:
        folder: of the run.
        checkpoint: the folder to write; its name is the model's.

    Raises:
        DatasetError: a dataset is missing or broken.
        FileNotFoundError, WeightsError: there are no pretrained weights.
        CheckpointError: the checkpoint that the recipe begins from cannot be used.
        ValueError: the run folder or the checkpoint's holds another training.
    """
    from training.data.tfrecord import read_metadata
    from training.export.card import record_confidence, record_doubtful_words, record_scores
    from training.export.evidence import record_evidence

    check_replaceable(checkpoint, recipe)
    if (checkpoint / MANIFEST).exists() and not has_begun(folder):
        raise ValueError(f"there is a checkpoint in {checkpoint} already; choose another --name")
    for name in recipe.dev:
        read_metadata(places.data / name)  # It is scored on them at the end.
    _say(f"Features and training, in {folder}")
    train_recipe(recipe, folder, places)
    _say(f"Export to {checkpoint}")
    export_run(folder, checkpoint, places)
    _say(f"Evidence, from the training photos of {', '.join(recipe.data)}")
    record_evidence(checkpoint, places.data, recipe.data)
    record_doubtful_words(checkpoint)
    _say(f"Scores, on the dev photos of {', '.join(recipe.dev)}")
    record_scores(checkpoint, places.data, recipe.dev)
    _say("Confidence, on the same photos")
    record_confidence(checkpoint, places.data, recipe.dev)
    return checkpoint


def _say(step: str) -> None:
    """What a run does now, for each step may take hours."""
    print(step, file=sys.stderr, flush=True)


def check_replaceable(checkpoint: Path, recipe: Recipe, other: Path | None = None) -> None:
    """Raises ValueError where there is a checkpoint with a language that was trained otherwise, and
    is not that of the other checkpoint."""
    if not (checkpoint / MANIFEST).exists():
        return
    ours = [recipe, *(_trained_recipes(other) if other else ())]
    if any(one not in ours for one in _trained_recipes(checkpoint)):
        raise ValueError(
            f"{checkpoint} holds a checkpoint of another training; choose another --name, or "
            "remove it first"
        )


def _trained_recipes(checkpoint: Path) -> list[Recipe | None]:
    """Of each language of a checkpoint; None where it does not say."""
    manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    records = (manifest.get("training", {}).get(one) for one in manifest["languages"])
    return [recipe_from_json(record["recipe"]) if record else None for record in records]


def train_recipe(recipe: Recipe, folder: Path, places: Places) -> None:
    """Trains a recipe as run_recipe() does, and exports nothing."""
    first = folder / FIRST_WEIGHTS
    recipe.check()
    check_features(recipe)
    beginning = None if has_begun(folder) else _begin(recipe, first, places)
    begun = first if first.exists() else None
    train(recipe, lambda trained: prepare(recipe, places, trained or begun), folder, beginning)


def _begin(recipe: Recipe, first: Path, places: Places) -> Beginning | None:
    """The checkpoint that a new run begins from, if any. Where its encoder is not the pretrained
    one its weights are copied, for the checkpoint may be replaced by what it is the beginning of.
    """
    first.unlink(missing_ok=True)
    if not recipe.begin_from:
        return None
    beginning = load_beginning(recipe, places)
    weights = first_weights(recipe, places)
    if weights != pretrained_weights(recipe.encoder, places):
        first.parent.mkdir(parents=True, exist_ok=True)
        save_copy(weights, first)
    return beginning


def check_same_encoder(checkpoint: Path, encoder: str, weights: Path) -> None:
    """Raises ValueError where a checkpoint has another encoder, or this with other weights than
    those of this file: its decoders would see what they do not know."""
    from training.export.run import checkpoint_encoder

    name, digest = encoder_of(checkpoint)
    same = name == encoder and digest in (None, sha256(weights))
    if name == encoder and not same:
        # Those of a run that began from it were rounded to int8 in between.
        with suppress(CheckpointError):
            same = _equal(_arrays(read_weights(weights)), _arrays(checkpoint_encoder(checkpoint)))
    if not same:
        raise ValueError(
            f"{checkpoint} has another encoder than the run: begin the recipe from it (begin_from)"
        )


def check_own_encoder(run: Path, kept: Mapping[str, np.ndarray], weights: Path) -> None:
    """Raises ValueError where the weights that a run keeps belong to another encoder than that of
    this file, for one that is trained as a whole is written when its stage is through."""
    ours = [array for path, array in kept.items() if path.startswith(f"{ENCODER}/")]
    if ours and not _equal(ours, _arrays(read_weights(weights))[: len(ours)]):
        raise ValueError(
            f"{run} is training its whole encoder, which is written when that stage is through: "
            "export it then"
        )


def _arrays(weights: Weights) -> list[np.ndarray]:
    return [array for layer in weights for array in layer]


def _equal(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> bool:
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def export_run(run: Path, checkpoint: Path, places: Places, other: Path | None = None) -> Path:
    """Writes a run as a checkpoint folder, and returns it.

    Args:
        other: a checkpoint, from which the languages are taken that the run has not.

    Raises:
        FileNotFoundError: there is no run, or nothing of it is trained.
        CheckpointError: the other checkpoint cannot be used.
        ValueError: they have trained the encoder's stage apart, or have different encoders; the
            whole encoder is being trained; or there is a checkpoint of another training already.
    """
    from training.export.card import write_card
    from training.export.run import Source, checkpoint_source, export, run_source

    recipe = recipe_from_json(read_record(run)["recipe"])
    check_replaceable(checkpoint, recipe, other)
    own = (run / name for name in (ENCODER_WEIGHTS, FIRST_WEIGHTS) if (run / name).exists())
    inputs = prepare(recipe, places, next(own, None))
    corpora = {language: inputs.train(language, ()) for language in recipe.languages}
    sources: list[Source] = [run_source(run, corpora)]
    check_own_encoder(run, sources[0].weights, inputs.weights)
    if other:
        check_same_encoder(other, recipe.encoder, inputs.weights)
        sources.append(checkpoint_source(other))
    detector = prepare_detector(recipe, places) if recipe.grounded else None
    folder = encoder_folder(places.features, recipe.encoder, recipe.features, inputs.weights)
    export(checkpoint, recipe.encoder, inputs.weights, folder, sources, detector)
    write_card(checkpoint)
    return checkpoint
