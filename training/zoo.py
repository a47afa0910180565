"""The model zoo: every combination that is trained and measured here, each by one command.

    python -m training.zoo soft_attention_en --weights efficientnet_lite3.tflite
    python -m training.zoo

A row trains on data/NAME and keeps its features and its run under runs/zoo; features of an earlier
row with the same photos and encoder are taken again. Its figures go into docs/model-zoo.json, from
which training.train.plots draws a picture. Prints all rows as a table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from app.captioning.captioner import Captioner
from app.captioning.engines.litert import DETECTOR
from training.data import open_split, regions, word2vec
from training.data.features import compute
from training.data.photos import upright
from training.encoders.detector import write_detector
from training.export.checkpoint import export
from training.recipes import Recipe, load_recipe
from training.train.reopen import reopen
from training.train.runs import read_log
from training.train.train import train

FIGURES = Path("docs/model-zoo.json")
FOLDER = Path("runs/zoo")
MODELS = Path("model_assets")
TIMED_PHOTOS = 50
OBJECTIVES = {
    "likelihood": "maximum likelihood",
    "fine_tuning": "+ encoder's tail trained",
    "self_critical": "+ self-critical",
}
"""Stages of a recipe, each after the one before."""
METRICS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr", "perplexity")
COLUMNS = (
    *("row", "language", "encoder", "decoder", "objective", "data", "epochs", "hours"),
    *METRICS,
    *("MB", "ms"),
)


@dataclass(frozen=True)
class Row:
    """What is trained on what."""

    recipe: str
    encoder: str = "efficientnet_lite3"
    data: str = "flickr8k"
    kind: str = "pooled"
    views: int = 1
    word2vec: bool = False
    tail: str = ""
    """The row whose trained tail of the encoder is taken over."""
    checkpoint: str = ""
    """The checkpoint of model_assets/ whose tail is taken over instead."""
    regions: bool = False
    """Whether there is a detector beside the encoder."""

    @property
    def photo_features(self) -> Path:
        """Without regions."""
        return FOLDER / f"features_{self.data}_{self.encoder}_{self.kind}_{self.views}"

    @property
    def features(self) -> Path:
        if not self.regions:
            return self.photo_features
        return FOLDER / f"regions_{self.data}_{self.encoder}_{self.checkpoint}"


ROWS = {
    "neural_talk_en": Row("neural_talk_en"),
    **{
        f"show_and_tell_en_{encoder}": Row("show_and_tell_en", encoder)
        for encoder in (
            "efficientnet_lite0",
            "efficientnet_lite1",
            "efficientnet_lite2",
            "efficientnet_lite3",
            "xception",
        )
    },
    "show_and_tell_en_word2vec": Row("show_and_tell_en", word2vec=True),
    "show_and_tell_en_mixed": Row("show_and_tell_en", data="mixed"),
    "show_and_tell_zh": Row("show_and_tell_zh"),
    "attributes_en": Row("attributes_en"),
    "soft_attention_en": Row("soft_attention_en", kind="map"),
    "top_down_en": Row("top_down_en", data="mixed", kind="map", views=3),
    "top_down_zh": Row("top_down_zh", data="mixed", kind="map", views=3, tail="top_down_en"),
    "soft_attention_mixed_en": Row(
        "soft_attention_mixed_en", data="mixed", kind="map", views=2, checkpoint="kantu-1"
    ),
    "soft_attention_zh": Row(
        "soft_attention_zh", data="mixed", kind="map", views=2, checkpoint="kantu-1"
    ),
    "soft_attention_scored_zh": Row(
        "soft_attention_scored_zh", data="mixed", kind="map", views=4, checkpoint="kantu-1"
    ),
    "neural_talk_zh": Row(
        "neural_talk_zh", data="mixed", kind="map", views=2, checkpoint="kantu-1"
    ),
    **{
        f"neural_baby_talk_{name}": Row(
            f"neural_baby_talk_{language}",
            data=data,
            kind="map",
            views=2,
            checkpoint="kantu-1",
            regions=True,
        )
        for name, language, data in (
            ("en", "en", "flickr8k"),
            ("mixed_en", "en", "mixed"),
            ("zh", "zh", "mixed"),
        )
    },
}


def run_row(name: str, weights: Path, graph: Path | None = None) -> None:
    """Trains and measures a row, and writes its figures.

    Args:
        weights: the file of its encoder's pretrained weights.
        graph: the detector's frozen graph, for rows with regions.
    """
    row, run = ROWS[name], FOLDER / name
    recipe, dataset = load_recipe(row.recipe), Path("data") / row.data
    workers = os.cpu_count() or 1
    if not (row.photo_features / "matching.npz").exists():
        compute(dataset, row.encoder, weights, row.photo_features, row.views, workers, row.kind)
    if row.regions and graph and not (row.features / "features.json").exists():
        _find_regions(row, dataset, graph, workers)
    vectors = _word_vectors(dataset, recipe) if row.word2vec else None
    # The tail has looked at what has regions already.
    tail = None if row.regions else _tail(row)
    began = time.monotonic()
    train(recipe, dataset, row.features, run, vectors, tail)
    hours = (time.monotonic() - began) / 3600
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = export([run], row.features, weights, name, Path(folder))
        served = measure(checkpoint, dataset, recipe.language)
    keep(name, [entry | served | {"hours": hours} for entry in stages(name, run)])


def _find_regions(row: Row, dataset: Path, graph: Path, workers: int) -> None:
    detector, tail = FOLDER / f"{row.data}_{DETECTOR}", _tail(row)
    if not tail:
        raise ValueError("what has regions has passed the tail of a checkpoint")
    if not detector.exists():
        write_detector(graph, dataset, detector)
    regions.compute(
        dataset, row.photo_features, tail, detector, graph, row.features, row.views, workers
    )


def _tail(row: Row) -> Path | None:
    """The run whose tail is taken over."""
    if not row.checkpoint:
        return FOLDER / row.tail if row.tail else None
    runs = FOLDER / row.checkpoint
    if not runs.exists():
        reopen(MODELS / row.checkpoint, row.photo_features, runs)
    return runs / "en"


def stages(name: str, run: Path) -> list[dict[str, Any]]:
    """A row's facts with the scores of each stage's best epoch, from its run folder."""
    row = ROWS[name]
    recipe = load_recipe(row.recipe)
    epochs = read_log(run)
    entries, first = [], 0
    for stage, objective in OBJECTIVES.items():
        last = first + getattr(recipe, stage).epochs
        if part := epochs[first:last]:
            best = max(part, key=lambda epoch: epoch["dev/CIDEr"])
            scores = {key[4:]: value for key, value in best.items() if key.startswith("dev/")}
            entries.append(
                {
                    "row": name,
                    "name": recipe.decoder + (" · word2vec" if row.word2vec else ""),
                    "language": recipe.language,
                    "encoder": row.encoder,
                    "decoder": recipe.decoder,
                    "objective": objective,
                    "data": row.data,
                    "epochs": first + len(part),
                    "scores": scores,
                    "command": f"python -m training.zoo {name} --weights …",
                }
            )
        first = last
    return entries


def keep(name: str, entries: list[dict[str, Any]]) -> None:
    """Puts a row's entries into docs/model-zoo.json, in place of those it had."""
    zoo = json.loads(FIGURES.read_text(encoding="utf-8"))
    others = [entry for entry in zoo["rows"] if entry["row"] != name]
    order = list(ROWS)
    zoo["rows"] = sorted([*others, *entries], key=lambda entry: order.index(entry["row"]))
    text = json.dumps(zoo, indent=2, ensure_ascii=False) + "\n"
    FIGURES.write_text(text, encoding="utf-8")


def table(zoo: dict[str, list[dict[str, Any]]]) -> str:
    """The zoo as a Markdown table, the papers' figures below it."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    for entry in zoo["rows"]:
        facts = [entry["row"], entry["language"], entry["encoder"], entry["decoder"]]
        facts += [entry["objective"], entry["data"], str(entry["epochs"]), f"{entry['hours']:.2f}"]
        facts += [f"{entry['scores'][metric]:.1f}" for metric in METRICS]
        facts += [f"{entry['megabytes']:.1f}", f"{entry['milliseconds']:.0f}"]
        lines.append("| " + " | ".join(facts) + " |")
    return "\n".join(lines) + "\n"


def _word_vectors(dataset: Path, recipe: Recipe) -> Path:
    path = FOLDER / f"word2vec_{recipe.language}_{recipe.embedding}.npz"
    if not path.exists():
        arguments = ["--dataset", dataset, "--language", recipe.language]
        arguments += ["--size", recipe.embedding, "--out", path]
        word2vec.main(list(map(str, arguments)))
    return path


def measure(checkpoint: Path, dataset: Path, language: str) -> dict[str, float]:
    """Megabytes of what LiteRT loads, and the median of milliseconds a caption on one thread, from
    the upright photo on."""
    captioner = Captioner.load(checkpoint, "litert")
    times = []
    for example in islice(open_split(dataset, "dev"), TIMED_PHOTOS):
        photo = upright(example.photo)
        began = time.perf_counter()
        captioner.caption(photo, language)
        times.append(1000 * (time.perf_counter() - began))
    size = sum(path.stat().st_size for path in checkpoint.glob("*.tflite"))
    return {"megabytes": size / 1e6, "milliseconds": statistics.median(times)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", nargs="?", choices=sorted(ROWS))
    parser.add_argument("--weights", type=Path, help="the encoder's pretrained weights")
    parser.add_argument("--graph", type=Path, help="the detector's frozen graph")
    given = parser.parse_args()
    if given.row:
        if not given.weights:
            parser.error("--weights is needed: docs/encoders.md says where each encoder's are")
        if ROWS[given.row].regions and not given.graph:
            parser.error("--graph is needed: docs/neural-baby-talk.md says where the detector's is")
        run_row(given.row, given.weights, given.graph)
    print(table(json.loads(FIGURES.read_text(encoding="utf-8"))), end="")


if __name__ == "__main__":
    main()
