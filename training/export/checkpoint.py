"""Writes a checkpoint folder that the service loads.

The folder holds the same model twice: LiteRT graphs, and one frozen TensorFlow graph. Weights are
int8 in both; the encoder's activations are in LiteRT's alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from app.captioning.checkpoint import (
    FORMAT,
    FROZEN_GRAPH,
    MANIFEST,
    evidence_file,
    sha256,
    visual_words_file,
)
from app.captioning.engines.litert import DETECTOR, ENCODER, ENCODER_STAGE, decoder_file
from app.captioning.evidence import Evidence
from app.captioning.objects import words as words_of_classes
from app.captioning.visual_words import VisualWords
from app.captioning.vocabulary import Vocabulary
from training.decoders import Decoder, Ensemble
from training.encoders.detector import Detector
from training.encoders.int8 import Matching
from training.encoders.stage import EncoderStage
from training.export.conversion import convert_decoder, convert_stage, feature_shapes, freeze
from training.saving import save_arrays, save_json

PARTS = re.compile(r"\w+\.(tflite|pb)|(evidence|vocabulary|visual_words)_\w+\.(npz|txt|json)")
"""Names of files that a manifest lists."""


@dataclass(frozen=True)
class ServedDetector:
    """A detector in both its forms."""

    network: Detector
    """In float."""
    graph: bytes
    """For LiteRT, from training.encoders.detector."""


@dataclass(frozen=True)
class ServedEncoder:
    """An encoder in both its forms."""

    model: keras.Model
    """In float, from training.encoders.build(); its batch size is 1."""
    graph: bytes
    """For LiteRT, from training.encoders.int8.convert_encoder()."""
    matching: Matching
    """What takes the features of the one to those of the other."""
    facts: dict[str, Any]
    """For the manifest; of these the service reads photo_size."""
    stage: EncoderStage | None = None
    detector: ServedDetector | None = None

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the features of one photo as decoders are given them, by name."""
        return feature_shapes(self.model, self.stage, self.detector is not None)


@dataclass(frozen=True)
class ServedLanguage:
    """A decoder and its words."""

    decoder: Decoder | Ensemble
    vocabulary: Vocabulary
    facts: dict[str, Any]
    """For the manifest; of these the service reads max_words, length_penalty and start."""
    logit_bias: Mapping[str, float] = field(default_factory=dict)
    """Of words that point, from training.decoders.class_bias."""
    evidence: Evidence | None = None


def write_checkpoint(
    folder: Path,
    encoder: ServedEncoder,
    languages: Mapping[str, ServedLanguage],
    training: Mapping[str, Any] | None = None,
) -> Path:
    """Writes graphs, vocabularies and the manifest that vouches for them, and returns the folder.

    Args:
        folder: where to; its name is the model's. A detector that the checkpoint there was given
            stays; what else is left of it goes.
        languages: by their codes, such as "en".
        training: what was run for each language, as training.train.run_folder records it; None of
            what was trained elsewhere.
    """
    folder.mkdir(parents=True, exist_ok=True)
    decoders = {language: one.decoder for language, one in languages.items()}
    shapes = encoder.shapes
    frozen, weights = freeze(
        encoder.model,
        encoder.stage,
        decoders,
        encoder.matching,
        encoder.detector.network if encoder.detector else None,
    )
    graphs = {
        ENCODER: encoder.graph,
        FROZEN_GRAPH: frozen.SerializeToString(deterministic=True),
        **{decoder_file(name): convert_decoder(one, shapes) for name, one in decoders.items()},
    }
    if encoder.stage:
        grid_shape = tuple(encoder.model.output["grid"].shape[1:])
        graphs[ENCODER_STAGE] = convert_stage(encoder.stage, grid_shape)
    if encoder.detector:
        graphs[DETECTOR] = encoder.detector.graph
    for file, graph in graphs.items():
        (folder / file).write_bytes(graph)
    words = [
        file
        for language, one in languages.items()
        for file in _write_words(folder, language, one, bool(encoder.detector))
    ]
    if DETECTOR not in graphs and _has_detector(folder):
        graphs[DETECTOR] = (folder / DETECTOR).read_bytes()
    files = sorted({*graphs, *words})
    manifest = {
        "format": FORMAT,
        "name": folder.name,
        "encoder": encoder.facts,
        "features": {name: list(shape) for name, shape in shapes.items()},
        "languages": {language: one.facts for language, one in languages.items()},
        **({"training": training, "weights": weights} if training else {}),
        "files": {file: sha256(folder / file) for file in files},
    }
    save_json(folder / MANIFEST, manifest)
    for path in folder.iterdir():
        if PARTS.fullmatch(path.name) and path.name not in files:
            path.unlink()  # of the checkpoint that was there before
    return folder


def _has_detector(folder: Path) -> bool:
    """Whether the checkpoint that is there was given one, with which it has to do."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return DETECTOR in manifest["files"]


def _write_words(folder: Path, language: str, served: ServedLanguage, points: bool) -> list[str]:
    """The vocabulary and, where there are any, visual words and evidence; their files' names."""
    files = [f"vocabulary_{language}.txt"]
    served.vocabulary.save(folder / files[0])
    if points:
        files.append(visual_words_file(language))
        words = words_of_classes(language)
        visual = VisualWords.of(served.vocabulary, words, served.logit_bias)
        visual.save(folder / files[-1])
    if served.evidence:
        files.append(evidence_file(language))
        save_arrays(folder / files[-1], served.evidence.arrays())
    return files
