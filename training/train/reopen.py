"""Makes run folders of a checkpoint's decoders, so that they can be trained on, averaged, given
another tail, or exported together with others.

    python -m training.train.reopen --model model_assets/kantu-1 \\
        --features runs/features --out runs/again

writes a folder for each decoder, such as runs/again/en. Its weights are those of the checkpoint's
frozen graph, rounded to int8 as they stand there; where the checkpoint has an encoder's tail, it is
in each of them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from app.captioning.checkpoint import FROZEN_GRAPH, MANIFEST, CheckpointError, open_checkpoint
from training.data.features import load_features
from training.decoders import Decoder
from training.decoders.building import DecoderShape, build_decoder
from training.recipes import Recipe
from training.train.runs import begin_run, end_run, features_facts, keep

CONSTANT = re.compile(r"((?P<layer>.+)/(?P<use>[^/]+)/ReadVariableOp/resource)(?P<rounded>/int8)?")
"""The name of a weight in the frozen graph: its layer, and the operation that reads it."""

NUMBER = re.compile(r"(.+?)(?:_(\d+))?")

READ_BY = {"matmul": 0, "matmul_1": 1, "sub": 0, "mul": 1}
"""Where a layer has two weights of one shape: which is the first. An LSTM multiplies its inputs
before its state, Standardise subtracts the mean before it multiplies by the scale."""

TAIL = "tail/"


Weights = dict[str, list[list[np.ndarray]]]
"""By a layer's path: the weights of each decoder that has such a layer."""


def reopen(checkpoint: Path, features: Path, out: Path) -> list[Path]:
    """Writes the run folders, and returns them.

    Args:
        features: of training.data.features, by the checkpoint's encoder.
        out: gets a folder for each language; en-2 is the second decoder of English.

    Raises:
        CheckpointError: there is no whole checkpoint.
        FileNotFoundError: there are no such features.
        ValueError: they are not of the encoder as the checkpoint's decoders know it.
    """
    opened = open_checkpoint(checkpoint)
    manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    facts, seen = features_facts(features), load_features(features, "dev")
    if facts["encoder"] != manifest["encoder"]["name"]:
        raise ValueError(f"{features} is of {facts['encoder']}, which {checkpoint} does not have")
    weights, taken = read_graph(checkpoint / FROZEN_GRAPH), Counter[str]()
    runs = []
    for language, entry in manifest["languages"].items():
        vocabulary = opened.languages[language].vocabulary
        shape = DecoderShape.of(vocabulary, seen)
        for number, kept in enumerate(_decoders(entry), 1):
            decoder = build_decoder(Recipe.from_dict(kept["recipe"]), shape, "float32")
            _fill(decoder, weights, taken)
            run = out / (language if number == 1 else f"{language}-{number}")
            config = {"recipe": kept["recipe"], "shape": asdict(shape), "features": facts}
            begin_run(run, config | {"trained_on": entry["trained_on"]}, vocabulary)
            scores = kept["dev_scores_in_training"]
            keep(run, decoder, int(scores.get("epoch", 0)), scores)
            end_run(run, f"it was reopened from {checkpoint}")
            runs.append(run)
    return runs


def _decoders(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """What the manifest says of a language's decoders. Before there could be several, it said that
    of the language itself.

    Raises:
        ValueError: it says nothing, as of what training.export.im2txt made, or they have tables
            that the graph does not name.
    """
    decoders = entry.get("decoders", [entry])
    if not all("recipe" in one for one in decoders):
        raise ValueError("the checkpoint was not trained here: its manifest names no recipe")
    if any(one["recipe"].get("grounded") for one in decoders):
        raise ValueError("the decoders of a checkpoint whose words point cannot be reopened")
    return decoders


def read_graph(frozen_graph: Path) -> Weights:
    """Of all layers, the encoder's among them, as float32."""
    graph = tf.compat.v1.GraphDef.FromString(frozen_graph.read_bytes())
    constants = {node.name: node for node in graph.node if node.op == "Const"}

    def values(name: str) -> np.ndarray:
        return tf.make_ndarray(constants[name].attr["value"].tensor)

    found: defaultdict[str, dict[int, list[tuple[int, np.ndarray]]]] = defaultdict(dict)
    for name in constants:
        if match := CONSTANT.fullmatch(name):
            rounded = values(name)
            whole = rounded * values(f"{match[1]}/scale") if match["rounded"] else rounded
            path, number = _numbered(match["layer"])
            order = READ_BY.get(match["use"], 0)
            found[path].setdefault(number, []).append((order, whole.astype(np.float32)))
    return {
        path: [
            [one for _, one in sorted(by_number[number], key=itemgetter(0))]
            for number in sorted(by_number)
        ]
        for path, by_number in found.items()
    }


def _numbered(layer: str) -> tuple[str, int]:
    """A layer's path without its decoder's number, and that number: TensorFlow numbers layers of
    the same name in the order in which decoders are traced."""
    parts = [NUMBER.fullmatch(part) for part in layer.split("/")]
    path = "/".join(part[1] for part in parts if part)
    return path, int(parts[0][2] or 0) if parts[0] else 0


def _fill(decoder: Decoder, weights: Weights, taken: Counter[str]) -> None:
    """Gives a decoder its weights.

    Args:
        taken: how many decoders have had those of a layer; counted on here.

    Raises:
        ValueError: the checkpoint has none that fit.
    """
    by_layer = defaultdict[str, list[Any]](list)
    for variable in decoder.weights:
        by_layer[variable.path.split("/", 1)[1].rsplit("/", 1)[0]].append(variable)
    for path, variables in by_layer.items():
        there = weights.get(path, [])
        # A tail that is served once is everyone's.
        nth = min(taken[path], len(there) - 1) if path.startswith(TAIL) else taken[path]
        if nth >= len(there):
            raise ValueError(f"the checkpoint has no weights for {path}")
        taken[path] += 1
        left = list(there[nth])
        for variable in variables:
            fitting = (at for at, one in enumerate(left) if one.shape == variable.shape)
            at = next(fitting, None)
            if at is None:
                raise ValueError(f"the checkpoint's {path} is of another size")
            variable.assign(left.pop(at))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", dest="checkpoint", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    try:
        for run in reopen(**vars(parser.parse_args(arguments))):
            print(run)
    except (CheckpointError, OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
