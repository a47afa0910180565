"""The model zoo: recipes that are trained and measured, and their figures as a table.

A row's figures are in docs/model-zoo.json, from which training.plots draws a picture.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from app.captioning.captioner import Captioner
from training.data.datasets import open_split
from training.data.photos import upright
from training.inputs import Places
from training.plots import draw_zoo, read_zoo
from training.recipes import FROZEN, Recipe, load_recipe
from training.run import export_run, train_recipe
from training.saving import save_json
from training.train.run_folder import read_record

FIGURES = Path("docs/model-zoo.json")
PICTURE = FIGURES.with_suffix(".png")
TIMED_PHOTOS = 50
METRICS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr", "perplexity")
COLUMNS = (
    *("row", "language", "encoder", "decoder", "objective", "data", "epochs", "hours"),
    *METRICS,
    *("MB", "ms"),
)


def run_row(name: str, places: Places) -> None:
    """Trains and measures a recipe of one language, and writes its figures.

    Raises:
        ValueError: there is no such recipe, or it has several languages or decoders.
    """
    recipe, run = load_recipe(name), places.runs / name
    if len(recipe.decoders()) > 1:
        raise ValueError(f"{name} has several decoders: a row of the zoo has one")
    began = time.monotonic()
    train_recipe(recipe, run, places)
    hours = (time.monotonic() - began) / 3600
    (language,) = recipe.languages
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = export_run(run, Path(folder) / name, places)
        served = measure(checkpoint, places.data / recipe.dev[0], language)
    keep([entry | served | {"hours": hours} for entry in stages(name, recipe, run)])


def stages(name: str, recipe: Recipe, run: Path) -> list[dict[str, Any]]:
    """A row's facts with the scores that its run kept in each leg."""
    ((language, config),) = recipe.decoders().values()
    entries: list[dict[str, Any]] = []
    epochs, scores = 0, dict[str, float]()
    for nth, leg in enumerate(read_record(run)["legs"]):
        objective = leg["stage"]["loss"].replace("_", " ")
        if leg["stage"]["encoder"] != FROZEN:
            objective += f", encoder's {leg['stage']['encoder']} trained"
        epochs += leg["epochs_run"]
        # Where no epoch of a leg is better, what the one before has left is kept.
        scores = next(iter(leg["scores"].values()), scores)
        entries.append(
            {
                "row": name,
                "name": config.architecture + (" · word2vec" if config.word2vec else ""),
                "language": language,
                "encoder": recipe.encoder,
                "decoder": config.architecture,
                "objective": f"+ {objective}" if nth else objective,
                "data": "mixed" if len(recipe.data) > 1 else recipe.data[0],
                "epochs": epochs,
                "scores": scores,
                "command": f"python -m training zoo {name}",
            }
        )
    return entries


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


def keep(entries: list[dict[str, Any]]) -> None:
    """Puts a row's entries into docs/model-zoo.json, in place of those it had or after the others,
    and draws the picture anew."""
    zoo = read_zoo(FIGURES)
    name = entries[0]["row"]
    before = [entry["row"] for entry in zoo["rows"]]
    at = before.index(name) if name in before else len(before)
    others = [entry for entry in zoo["rows"] if entry["row"] != name]
    zoo["rows"] = [*others[:at], *entries, *others[at:]]
    save_json(FIGURES, zoo)
    draw_zoo(zoo).savefig(PICTURE)


def table() -> str:
    """The zoo as a Markdown table. Raises as read_zoo() does."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    for entry in read_zoo(FIGURES)["rows"]:
        facts = [entry["row"], entry["language"], entry["encoder"], entry["decoder"]]
        facts += [entry["objective"], entry["data"], str(entry["epochs"]), f"{entry['hours']:.2f}"]
        facts += [f"{entry['scores'][metric]:.1f}" for metric in METRICS]
        facts += [f"{entry['megabytes']:.1f}", f"{entry['milliseconds']:.0f}"]
        lines.append("| " + " | ".join(facts) + " |")
    return "\n".join(lines) + "\n"
