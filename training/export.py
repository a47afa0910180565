"""Freezes trained decoders and their encoder into a checkpoint folder that the service loads.

    python -m training.export --runs runs/en runs/zh --features runs/features \\
        --weights efficientnet_lite3.tflite --name show-and-tell --out model_assets

The folder holds the same model twice: LiteRT graphs with int8 weights, and one frozen TensorFlow
graph whose weights are stored as float16.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.captioning.checkpoint import FORMAT, FROZEN_GRAPH, MANIFEST, sha256
from app.captioning.engines.litert import ENCODER, decoder_file
from training.conversion import convert_decoder, freeze
from training.encoders import ENCODERS, build, read_weights
from training.features import load_matching
from training.runs import TrainedDecoder, load_run


def export(runs: list[Path], features: Path, weights: Path, name: str, out: Path) -> Path:
    """Writes the checkpoint folder out/name, and returns it.

    Args:
        runs: run folders of training.train, one a language.
        features: the folder of training.features that the runs learned from.
        weights: the encoder's weights file.

    Raises:
        ValueError: the weights are not those that the features were computed with.
    """
    facts = json.loads((features / "features.json").read_text(encoding="utf-8"))
    if sha256(weights) != facts["weights_sha256"]:
        raise ValueError(f"{weights} is not the file that {features} was computed with")
    trained = {run.recipe.language: run for run in map(load_run, runs)}
    encoder_name, photo_size = facts["encoder"], facts["photo_size"]
    encoder = build(ENCODERS[encoder_name], read_weights(weights), photo_size, batch_size=1)
    matching = load_matching(features)
    feature_size = len(matching.scale)

    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(features / "encoder.tflite", folder / ENCODER)
    for language, run in trained.items():
        (folder / decoder_file(language)).write_bytes(convert_decoder(run.decoder, feature_size))
        run.vocabulary.save(folder / f"vocabulary_{language}.txt")
    decoders = {language: run.decoder for language, run in trained.items()}
    graph = freeze(encoder, decoders, matching)
    (folder / FROZEN_GRAPH).write_bytes(graph.SerializeToString(deterministic=True))
    manifest = _manifest(name, encoder_name, photo_size, trained)
    listed = [ENCODER, FROZEN_GRAPH]
    for language in trained:
        listed += [decoder_file(language), f"vocabulary_{language}.txt"]
    manifest["files"] = {file: sha256(folder / file) for file in sorted(listed)}
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return folder


def _manifest(
    name: str, encoder_name: str, photo_size: int, trained: dict[str, TrainedDecoder]
) -> dict[str, Any]:
    encoder = ENCODERS[encoder_name]
    return {
        "format": FORMAT,
        "name": name,
        "encoder": {
            "name": encoder_name,
            "photo_size": photo_size,
            "cnn_size": encoder.size,
            "weights": encoder.weights_package,
            "terms": encoder.terms,
        },
        "languages": {
            language: {
                "recipe": asdict(run.recipe),
                "max_words": run.recipe.max_words,
                "length_penalty": run.recipe.length_penalty,
                "trained_on": run.trained_on,
                "dev_scores_in_training": run.scores,
            }
            for language, run in trained.items()
        },
    }


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
