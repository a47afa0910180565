"""A trained run as a checkpoint; what the run has no language for, from another checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.captioning.checkpoint import MANIFEST, CheckpointError, open_checkpoint
from app.captioning.engines.litert import DETECTOR
from app.captioning.evidence import Evidence
from app.captioning.vocabulary import Vocabulary
from training.data.compute import load_matching
from training.data.corpus import Corpus, repeatable_words
from training.data.features import load_stage
from training.decoders import Ensemble
from training.decoders.building import build_decoder
from training.decoders.class_bias import class_bias
from training.encoders import ENCODERS, Weights, build, read_weights
from training.encoders.detector import Detector
from training.encoders.stage import EncoderStage, as_convolutions
from training.export.checkpoint import (
    ServedDetector,
    ServedEncoder,
    ServedLanguage,
    write_checkpoint,
)
from training.export.weights import read_weights as read_checkpoint
from training.recipes import ENCODER, ENCODER_STAGE, LanguageConfig, recipe_from_json
from training.train.run_folder import assign_part, load_weights, read_record, read_vocabulary

DETECTOR_GRAPH = "detector.pb"


@dataclass(frozen=True)
class Source:
    """Where languages come from: a run, or a checkpoint."""

    weights: Mapping[str, np.ndarray]
    """By PART/PATH."""
    languages: Mapping[str, LanguageConfig]
    vocabularies: Mapping[str, Vocabulary]
    records: Mapping[str, Any]
    """What was run for each language."""
    facts: Mapping[str, Mapping[str, Any]]
    """Of each language, for the manifest, beyond what its config says."""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """Of languages that have some."""


def run_source(run: Path, corpora: Mapping[str, Corpus]) -> Source:
    """A run's languages.

    Args:
        corpora: what each language learned from.

    Raises:
        FileNotFoundError: there is no run, or nothing of it is trained.
    """
    record = read_record(run)
    recipe = recipe_from_json(record["recipe"])
    records, vocabularies = {}, {}
    facts: dict[str, dict[str, Any]] = {}
    for language, config in recipe.languages.items():
        corpus, vocabulary = corpora[language], read_vocabulary(run, language)
        names = [name for name, (of, _) in recipe.decoders().items() if of == language]
        legs = [leg for leg in record["legs"] if set(leg["decoders"]) & set(names)]
        records[language] = told_once(record | {"legs": legs})
        vocabularies[language] = vocabulary
        trained_on = {
            "photos": len(corpus),
            "captions": sum(map(len, corpus.captions)),
            "vocabulary": len(vocabulary),
        }
        repeatable = repeatable_words(corpus.captions)
        facts[language] = {"trained_on": trained_on, "repeatable": repeatable}
        if config.grounded:
            facts[language]["logit_bias"] = class_bias(corpus.captions, language)
    return Source(load_weights(run), recipe.languages, vocabularies, records, facts)


def told_once(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a language's training, where of the languages of the checkpoint that it began
    from those after the first do not repeat what that began from: with each beginning it would
    double."""
    began = record.get("began_from")
    if not began or not began["training"]:
        return dict(record)
    training = {language: told_once(before) for language, before in began["training"].items()}
    first, *others = training.values()
    for other in others:
        if first.get("began_from") and other.get("began_from") == first["began_from"]:
            del other["began_from"]
    return {**record, "began_from": {**began, "training": training}}


def checkpoint_source(checkpoint: Path) -> Source:
    """A checkpoint's languages.

    Raises:
        CheckpointError: it is broken, or was not trained here.
    """
    opened = open_checkpoint(checkpoint)
    manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    weights = read_checkpoint(checkpoint)
    if "training" not in manifest:
        raise CheckpointError(f"The manifest of {checkpoint} does not say how it was trained.")
    records = manifest["training"]
    configs = {
        language: recipe_from_json(record["recipe"]).languages[language]
        for language, record in records.items()
    }
    vocabularies = {name: model.vocabulary for name, model in opened.languages.items()}
    # Not scores and confidence: its graphs are converted anew, with what is the run's encoder.
    kept = ("trained_on", "repeatable", "details", "neutral")
    facts = {
        language: {name: entry[name] for name in kept if name in entry}
        for language, entry in manifest["languages"].items()
    }
    for language, model in opened.languages.items():
        if visual := model.visual_words:
            bias = zip(visual.classes, visual.logit_bias.tolist(), strict=True)
            facts[language]["logit_bias"] = dict(bias)
    evidence = {name: model.evidence for name, model in opened.languages.items() if model.evidence}
    return Source(weights, configs, vocabularies, records, facts, evidence)


def checkpoint_encoder(checkpoint: Path) -> Weights:
    """A checkpoint's encoder with its stage, as read_weights() of training.encoders gives one.

    Raises:
        CheckpointError: it is broken, or does not say where its encoder's weights are.
    """
    weights = read_checkpoint(checkpoint)
    before, stage = (
        [array for path, array in weights.items() if path.startswith(f"{part}/")]
        for part in (ENCODER, ENCODER_STAGE)
    )
    if not before:
        raise CheckpointError(
            f"The manifest of {checkpoint} does not say where the weights of its encoder are, and "
            "they are not the pretrained ones: export it again, from its run."
        )
    return [*zip(before[::2], before[1::2], strict=True), *as_convolutions(stage)]


def export(
    folder: Path,
    encoder: str,
    weights: Path,
    features: Path,
    sources: list[Source],
    detector: Path | None = None,
) -> Path:
    """Writes the checkpoint folder, and returns it.

    Args:
        folder: where to; its name is the model's.
        encoder: one of ENCODERS.
        weights: the encoder's.
        features: the folder of training.data.compute.prepare_encoder() for them.
        sources: each language is taken from the first of these that has it. Where the encoder has a
            stage, all have the same, for it is served once.
        detector: the folder of the detector, where words point at regions.

    Raises:
        ValueError: the sources have trained the encoder's stage apart.
    """
    served = _encoder(encoder, weights, features, sources, detector)
    languages: dict[str, ServedLanguage] = {}
    training = {}
    for source in sources:
        for language, config in source.languages.items():
            if language not in languages:
                languages[language] = _language(source, language, config, served.shapes)
                training[language] = source.records[language]
    return write_checkpoint(folder, served, dict(sorted(languages.items())), training)


def _encoder(
    name: str, weights: Path, features: Path, sources: list[Source], detector: Path | None
) -> ServedEncoder:
    facts = json.loads((features / "encoder.json").read_text(encoding="utf-8"))
    encoder, size = ENCODERS[name], facts["photo_size"]
    return ServedEncoder(
        build(encoder, read_weights(weights), size, 1, facts["kind"]),
        (features / "encoder.tflite").read_bytes(),
        load_matching(features),
        {
            "name": encoder.name,
            "photo_size": size,
            "cnn_size": encoder.size,
            "weights": encoder.weights_package or encoder.weights_url,
            "weights_sha256": facts["weights_sha256"],
            "terms": encoder.terms,
        },
        _stage(features, sources),
        _detector(detector) if detector else None,
    )


def _stage(features: Path, sources: list[Source]) -> EncoderStage | None:
    untrained = load_stage(features)
    if untrained is None:
        return None
    stages = [EncoderStage.of(untrained) for _ in sources]
    for stage, source in zip(stages, sources, strict=True):
        assign_part(ENCODER_STAGE, stage, source.weights)
    first, *others = [stage.get_weights() for stage in stages]
    for other in others:
        if not all(map(np.array_equal, first, other)):
            raise ValueError(
                "the languages have trained the encoder's stage apart, and it is served once for "
                "all: begin the recipe of one from the checkpoint of the other (begin_from)"
            )
    return stages[0]


def _detector(folder: Path) -> ServedDetector:
    graph = (folder / DETECTOR).read_bytes()
    return ServedDetector(Detector(folder / DETECTOR_GRAPH), graph)


def _language(
    source: Source, language: str, config: LanguageConfig, shapes: Mapping[str, tuple[int, ...]]
) -> ServedLanguage:
    vocabulary, decoders = source.vocabularies[language], []
    for name, architecture in config.named_decoders(language).items():
        decoder = build_decoder(architecture, len(vocabulary), shapes)
        assign_part(name, decoder, source.weights)
        decoders.append(decoder)
    facts = dict(source.facts[language])
    logit_bias = facts.pop("logit_bias", {})
    return ServedLanguage(
        decoders[0] if len(decoders) == 1 else Ensemble(decoders),
        vocabulary,
        {
            "max_words": config.max_length,
            "length_penalty": config.length_penalty,
            "start": config.start,
            **facts,
        },
        logit_bias,
        source.evidence.get(language),
    )
