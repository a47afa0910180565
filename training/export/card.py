"""The part of a model card that is measured: what was trained and what it scores, as the manifest
says it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from app.captioning.checkpoint import MANIFEST, open_checkpoint
from training.evaluation.confidence import measure
from training.evaluation.doubt import details, neutral
from training.evaluation.evaluate import evaluate, has_captions, usual_style
from training.saving import edited_json, save_text

T = TypeVar("T")

CARD = "MODEL_CARD.md"
BEGIN, END = "<!-- training: written by export -->", "<!-- /training -->"
METRICS = {
    **dict.fromkeys(("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr"), 1),
    "unsupported": 2,
    "distinct_captions": 0,
}
"""Of a leg, and their digits."""
BEGINNING = """# {name}

Who publishes this model says here what it was trained on, under which terms, and what it is bad at.

## Training

"""


def record_scores(
    folder: Path, data: Path, collections: Iterable[str], only: str | None = None
) -> None:
    """Scores a checkpoint on the dev photos of collections, through the code that serves, and
    writes the scores into its manifest and its card, beside those on other collections. Captions
    are asked for in the style that most captions of a collection have.

    Args:
        data: has a dataset of each collection's name.
        only: a language; all of the checkpoint's where it is None.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DatasetError: a dataset is missing.
        ValueError: it does not speak the language.
    """
    with edited_json(folder / MANIFEST) as manifest:
        for language, entry in of_languages(manifest["languages"], only).items():
            before = entry.get("scores")
            # Checkpoints that were trained elsewhere say in words that there are none.
            entry["scores"] = (before if isinstance(before, dict) else {}) | {
                name: _scores(folder, data / name, language)
                for name in collections
                if has_captions(data / name, "dev", language)
            }
    write_card(folder)


def of_languages(entries: Mapping[str, T], only: str | None) -> dict[str, T]:
    """That of one language, or all where it is None. Raises ValueError where it is not there."""
    if only is None:
        return dict(entries)
    if only not in entries:
        raise ValueError(f"the checkpoint captions in {', '.join(entries)}, not in {only!r}")
    return {only: entries[only]}


def _scores(folder: Path, dataset: Path, language: str) -> dict[str, Any]:
    style = usual_style(folder, dataset, language)
    answer = evaluate(folder, dataset, "dev", language, start=style)
    kept = ("photos", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr", "unsupported")
    scores = {name: round(answer[name], 2) for name in (*kept, "mean_words", "distinct_captions")}
    return scores | ({"style": style.strip("<>")} if style else {})


def record_doubtful_words(folder: Path, only: str | None = None) -> None:
    """Writes into a checkpoint's manifest which words its captions do not say where they are
    doubtful. It comes before scores and confidence, which are those of such captions: those of
    others go, from the card too. Takes and raises what record_scores() does.
    """
    with edited_json(folder / MANIFEST) as manifest:
        for language, model in of_languages(open_checkpoint(folder).languages, only).items():
            entry = manifest["languages"][language]
            found = {"details": details(model.vocabulary, language)}
            if not model.visual_words:
                found["neutral"] = neutral(model.vocabulary, language)
            if entry | found != entry:
                entry.update(found)
                forget_figures(entry)
    write_card(folder)


def forget_figures(entry: dict[str, Any]) -> None:
    """Takes out of a language's entry in the manifest what was measured of other captions."""
    for figures in ("scores", "confidence"):
        entry.pop(figures, None)


def record_confidence(
    folder: Path, data: Path, collections: Iterable[str], only: str | None = None
) -> dict[str, dict[str, Any]]:
    """Measures from which probability on a checkpoint's captions are worth which confidence, on the
    dev photos of collections together, and writes it into its manifest.

    Returns:
        What training.evaluation.confidence.measure() gives, of each language that has captions
        there.

    Takes and raises what record_scores() does.
    """
    measured = {}
    with edited_json(folder / MANIFEST) as manifest:
        for language, entry in of_languages(manifest["languages"], only).items():
            datasets = [
                data / one for one in collections if has_captions(data / one, "dev", language)
            ]
            if datasets:
                measured[language] = measure(folder, datasets, "dev", language)
                entry["confidence"] = measured[language]["confidence"]
    return measured


def write_card(folder: Path) -> None:
    """Writes the measured part of a checkpoint's card; what people wrote around it stays."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    path = folder / CARD
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN not in text:
        text += ("" if text else BEGINNING.format(name=manifest["name"])) + f"{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    save_text(path, before + measured(manifest) + after)


def measured(manifest: Mapping[str, Any]) -> str:
    """The measured part, with the lines that mark it."""
    trained, scores = _training(manifest), list(_dev_scores(manifest))
    blocks = [BEGIN, *([_table(trained)] if trained else [])]
    if scores:
        blocks += ["On dev photos, int8 on LiteRT, beam 3, in percent:", _table(scores)]
    return "\n\n".join([*blocks, END])


def _training(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row a leg; its scores are those of the weights that it kept, in float32. A leg that trained
    decoders of both languages is one row."""
    rows = [
        {
            "decoder": ", ".join(leg["decoders"]),
            "stage": leg["stage"]["loss"].replace("_", " "),
            "encoder": leg["stage"]["encoder"],
            "epochs run": str(leg["epochs_run"]),
            "epoch kept": "as before" if leg["epoch_kept"] == 0 else str(leg["epoch_kept"]),
            "backend": ", ".join(leg["backends"]),
            **{name: _each(leg, name) for name in METRICS},
        }
        for record in manifest.get("training", {}).values()
        for leg in record["legs"]
    ]
    return [row for nth, row in enumerate(rows) if row not in rows[:nth]]


def _each(leg: Mapping[str, Any], metric: str) -> str:
    found = [scores[metric] for scores in leg["scores"].values() if metric in scores]
    return ", ".join(f"{value:.{METRICS[metric]}f}" for value in found)


def _dev_scores(manifest: Mapping[str, Any]) -> Iterable[dict[str, str]]:
    for language, entry in manifest["languages"].items():
        measured = entry.get("scores", {})
        for collection, scores in measured.items() if isinstance(measured, dict) else ():
            style = f", {scores['style']} captions" if "style" in scores else ""
            figures = {name: f"{value:g}" for name, value in scores.items() if name != "style"}
            yield {"language": language, "collection": f"{collection}{style}", **figures}


def _table(rows: list[dict[str, str]]) -> str:
    """Scores of before there was a metric lack it; where all do there is no column of it."""
    head = list(dict.fromkeys(name for row in rows for name, value in row.items() if value))
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    lines += [f"| {' | '.join(row.get(name, '') for name in head)} |" for row in rows]
    return "\n".join(lines)
