"""Freezes trained decoders and their encoder into a checkpoint folder that the service loads.

    python -m training.export.checkpoint --runs runs/en runs/zh --features runs/features \\
        --weights efficientnet_lite3.tflite --name kantu-1 --out model_assets

The folder holds the same model twice: LiteRT graphs, and one frozen TensorFlow graph. Weights are
int8 in both; the encoder's activations are in LiteRT's alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from app.captioning.checkpoint import (
    FORMAT,
    FROZEN_GRAPH,
    MANIFEST,
    sha256,
    visual_words_file,
)
from app.captioning.engines.litert import DETECTOR, ENCODER, TAIL, decoder_file
from app.captioning.vocabulary import Vocabulary
from training.data.features import load_matching
from training.data.regions import GRAPH
from training.decoders import Decoder, Ensemble
from training.decoders.front import Front
from training.encoders import ENCODERS, build, find_weights, read_weights
from training.encoders.detector import Detector
from training.export.conversion import (
    Matching,
    convert_decoder,
    convert_tail,
    freeze,
    served_shape,
    served_tail,
)
from training.train.runs import TrainedDecoder, load_run
from training.train.trainer import visual_words


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
    """In float; its batch size is 1."""
    graph: bytes
    """For LiteRT, from conversion.convert_encoder()."""
    matching: Matching
    """What takes the features of the one to those of the other."""
    facts: dict[str, Any]
    """For the manifest; of these the service reads photo_size."""
    detector: ServedDetector | None = None


@dataclass(frozen=True)
class ServedLanguage:
    """A decoder and its words."""

    decoder: Decoder | Ensemble
    vocabulary: Vocabulary
    facts: dict[str, Any]
    """For the manifest; of these the service reads max_words and length_penalty."""
    favours: Mapping[str, float] = field(default_factory=dict)
    """Of words that point, from training.decoders.taught."""


def export(runs: list[Path], features: Path, weights: Path, name: str, out: Path) -> Path:
    """Writes the checkpoint folder out/name, and returns it.

    Args:
        runs: run folders of training.train.train; those of one language speak together.
        features: the folder of training.data.features that the runs learned from.
        weights: the encoder's weights file.

    Raises:
        ValueError: the weights are not those that the features were computed with, runs of one
            language have not the same words, or runs have trained the encoder's tail apart.
    """
    by_language: dict[str, list[TrainedDecoder]] = {}
    for run in map(load_run, runs):
        by_language.setdefault(run.recipe.language, []).append(run)
    languages = {language: _served(together) for language, together in by_language.items()}
    return write_checkpoint(out / name, _encoder(features, weights), languages)


def write_checkpoint(
    folder: Path, encoder: ServedEncoder, languages: dict[str, ServedLanguage]
) -> Path:
    """Writes graphs, vocabularies and the manifest that vouches for them, and returns the folder.

    Args:
        folder: where to; its name is the model's.
        languages: by their codes, such as "en".
    """
    folder.mkdir(parents=True, exist_ok=True)
    graphs = _graphs(encoder, {language: one.decoder for language, one in languages.items()})
    for file, graph in graphs.items():
        (folder / file).write_bytes(graph)
    words = []
    for language, one in languages.items():
        words.append(f"vocabulary_{language}.txt")
        one.vocabulary.save(folder / words[-1])
        if encoder.detector:
            words.append(visual_words_file(language))
            visual = visual_words(one.vocabulary, language, one.favours)
            visual.save(folder / words[-1])
    manifest = {
        "format": FORMAT,
        "name": folder.name,
        "encoder": encoder.facts,
        "languages": {language: one.facts for language, one in languages.items()},
        "files": {file: sha256(folder / file) for file in sorted({*graphs, *words})},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return folder


def _graphs(encoder: ServedEncoder, decoders: dict[str, Decoder | Ensemble]) -> dict[str, bytes]:
    """The content of each graph's file, by its name."""
    front = _shared_front(decoders)
    tail = served_tail(front)
    map_shape = tuple(encoder.model.outputs[0].shape[1:])
    shape = served_shape(map_shape, front)
    detector = encoder.detector
    network = detector.network if detector else None
    frozen = freeze(encoder.model, decoders, encoder.matching, network)
    graphs = {
        decoder_file(language): convert_decoder(decoder, shape)
        for language, decoder in decoders.items()
    }
    return {
        **graphs,
        **({TAIL: convert_tail(tail, map_shape)} if tail else {}),
        **({DETECTOR: detector.graph} if detector else {}),
        ENCODER: encoder.graph,
        FROZEN_GRAPH: frozen.SerializeToString(deterministic=True),
    }


def _shared_front(decoders: dict[str, Decoder | Ensemble]) -> Front:
    """The front that all decoders have; the encoder's tail in it is served once for all.

    Raises:
        ValueError: they have not the same.
    """
    members = [
        member
        for decoder in decoders.values()
        for member in (decoder.members if isinstance(decoder, Ensemble) else [decoder])
    ]
    first, *others = [member.front for member in members]
    for other in others:
        alike = zip(first.get_weights(), other.get_weights(), strict=False)
        if type(other) is not type(first) or not all(np.array_equal(*pair) for pair in alike):
            raise ValueError(
                "the runs have trained the encoder's tail apart, and it is served once for all; "
                "train the others with --tail of the first"
            )
    return first


def _encoder(features: Path, weights: Path) -> ServedEncoder:
    facts = json.loads((features / "features.json").read_text(encoding="utf-8"))
    weights = find_weights(ENCODERS[facts["encoder"]], weights)
    if sha256(weights) != facts["weights_sha256"]:
        raise ValueError(f"{weights} is not the file that {features} was computed with")
    encoder, photo_size = ENCODERS[facts["encoder"]], facts["photo_size"]
    return ServedEncoder(
        build(encoder, read_weights(weights), photo_size, batch_size=1, features=facts["kind"]),
        (features / "encoder.tflite").read_bytes(),
        load_matching(features),
        {
            "name": encoder.name,
            "photo_size": photo_size,
            "cnn_size": encoder.size,
            "weights": encoder.weights_package or encoder.weights_url,
            "terms": encoder.terms,
        },
        _detector(features),
    )


def _detector(features: Path) -> ServedDetector | None:
    """Of features that training.data.regions computed."""
    if not (features / DETECTOR).exists():
        return None
    return ServedDetector(Detector(features / GRAPH), (features / DETECTOR).read_bytes())


def _served(runs: list[TrainedDecoder]) -> ServedLanguage:
    """Runs of one language; how captions are searched for is as the first's recipe has it."""
    first = runs[0]
    if any(run.vocabulary.words != first.vocabulary.words for run in runs):
        raise ValueError(f"the {first.recipe.language!r} runs have not the same words")
    facts = {
        "max_words": first.recipe.max_words,
        "length_penalty": first.recipe.length_penalty,
        "start": first.recipe.style,
        "trained_on": first.trained_on,
        "decoders": [
            {"recipe": asdict(run.recipe), "dev_scores_in_training": run.scores} for run in runs
        ],
    }
    decoders = [run.decoder for run in runs]
    together = decoders[0] if len(decoders) == 1 else Ensemble(decoders)
    return ServedLanguage(together, first.vocabulary, facts, first.favours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, default=Path("model_assets"))
    print(export(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
