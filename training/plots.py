"""Pictures of a training's curves and of the model zoo's scores.

The zoo is JSON: {"rows": [...], "papers": [...]}. Of a row it needs "name", "language" and
"scores", which may have "CIDEr" and "BLEU-4" in percent, and shows "encoder", "objective" and
"data" where it has them; a paper is a row with published scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

DOTS_PER_INCH = 150
TRAIN, DEV, INK, FAINT = "#b5651d", "#1f6f8b", "#333333", "#8a8a8a"
PUBLISHED: dict[str, Any] = {
    "marker": "D",
    "markersize": 7,
    "markerfacecolor": "none",
    "color": FAINT,
}
LANGUAGE_COLOURS = {"en": "#1f6f8b", "zh": "#b23a48"}

PANELS = {
    "Loss": ("train/loss",),
    "Perplexity": ("dev/perplexity",),
    "BLEU-4": ("dev/BLEU-4",),
    "CIDEr": ("train/reward", "dev/CIDEr"),
}
"""Figures of the log by the panel they are drawn in. The reward of self-critical training is the
CIDEr-D of what is sampled of training photos, less the charge."""
LABELS = {"train/reward": "train (reward)"}

ZOO_SCORES = ("CIDEr", "BLEU-4")
FACTS = ("encoder", "objective", "data")
"""Of a row, under its name."""


def draw_curves(log: Sequence[Mapping[str, float]], title: str) -> Figure:
    """Loss, perplexity, BLEU-4 and CIDEr by epoch, the best dev value ringed.

    Args:
        log: the entries of a run's log.jsonl. One may lack a figure, as those of maximum
            likelihood have no reward.
    """
    figure = _figure(9, 6)
    figure.suptitle(title, color=INK, fontweight="bold")
    for axes, (panel, names) in zip(
        figure.subplots(2, 2, sharex=True).flat, PANELS.items(), strict=True
    ):
        axes.set_title(panel, loc="left", fontsize=11, color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(axis="y", alpha=0.3)
        _bare(axes)
        for name in names:
            _draw_curve(axes, log, name, lowest_is_best=panel == "Perplexity")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9)
    for axes in figure.axes[2:]:
        axes.set_xlabel("epoch")
    return figure


def _draw_curve(
    axes: Axes, log: Sequence[Mapping[str, float]], name: str, lowest_is_best: bool
) -> None:
    points = [(entry["epoch"], entry[name]) for entry in log if name in entry]
    if not points:
        return
    side = name.split("/")[0]
    colour = DEV if side == "dev" else TRAIN
    label = LABELS.get(name, side)
    axes.plot(*zip(*points, strict=True), color=colour, marker=".", label=label)
    if side == "dev":
        epoch, value = (min if lowest_is_best else max)(points, key=lambda point: point[1])
        axes.plot(epoch, value, "o", markersize=11, markerfacecolor="none", color=colour)
        axes.annotate(
            f"{value:.1f}",
            (epoch, value),
            (0, 9),
            textcoords="offset points",
            ha="center",
            color=colour,
            fontsize=9,
        )
        axes.margins(y=0.2)


def read_zoo(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows and papers of a model zoo.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no model zoo, or one without rows.
    """
    try:
        zoo = json.loads(path.read_text(encoding="utf-8"))
        entries = [*zoo["rows"], *zoo["papers"]]
        whole = all({"name", "language", "scores"} <= entry.keys() for entry in entries)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} is no model zoo: it needs "rows" and "papers"') from error
    if not zoo["rows"] or not whole:
        raise ValueError(f"{path}: a model zoo has rows, each with name, language and scores")
    return zoo


def draw_zoo(zoo: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Dev CIDEr and BLEU-4 of each model as bars, language by language, the best first; published
    figures as hollow diamonds below them.

    Args:
        zoo: as read_zoo() gives it.
    """
    groups = {
        language: (_of(zoo["rows"], language), _of(zoo["papers"], language))
        for language in sorted({row["language"] for row in zoo["rows"]})
    }
    lengths = [len(rows) + len(papers) for rows, papers in groups.values()]
    figure = _figure(11, 1.2 + 0.5 * sum(lengths) + 0.4 * len(groups))
    grid = figure.subplots(
        len(groups), len(ZOO_SCORES), squeeze=False, sharex="col", height_ratios=lengths
    )
    for line, (language, (rows, papers)) in zip(grid, groups.items(), strict=True):
        for axes, score in zip(line, ZOO_SCORES, strict=True):
            _draw_scores(axes, rows, papers, score, LANGUAGE_COLOURS.get(language, INK))
        line[0].set_title(language, loc="left", color=INK, fontweight="bold")
        _name_rows(line[0], [*rows, *papers])
    for axes, score in zip(grid[0], ZOO_SCORES, strict=True):
        axes.set_title(score, fontsize=11, color=INK)
        values = [entry["scores"].get(score, 0) for entry in [*zoo["rows"], *zoo["papers"]]]
        axes.set_xlim(0, 1.15 * max(values) or 1)
    figure.legend(handles=_key(), loc="outside lower right", ncols=2, frameon=False, fontsize=9)
    return figure


def _key() -> list[Artist]:
    return [
        Patch(color=FAINT, label="measured here, on dev photos"),
        Line2D([], [], linestyle="none", **PUBLISHED, label="published, on the paper's photos"),
    ]


def _of(entries: Sequence[Mapping[str, Any]], language: str) -> list[Mapping[str, Any]]:
    found = [entry for entry in entries if entry["language"] == language]
    return sorted(found, key=lambda entry: -entry["scores"].get("CIDEr", 0))


def _draw_scores(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    papers: Sequence[Mapping[str, Any]],
    score: str,
    colour: str,
) -> None:
    ours, published = (
        [(place, entry["scores"][score]) for place, entry in part if score in entry["scores"]]
        for part in (enumerate(rows), enumerate(papers, len(rows)))
    )
    axes.barh(*_columns(ours), height=0.6, color=colour)
    places, values = _columns(published)
    axes.plot(values, places, linestyle="none", **PUBLISHED)
    for place, value in ours + published:
        axes.annotate(
            f"{value:.1f}",
            (value, place),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_ylim(len(rows) + len(papers) - 0.4, -0.6)
    axes.set_yticks([])
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    _bare(axes)


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [place for place, _ in points], [value for _, value in points]


def _name_rows(axes: Axes, entries: Sequence[Mapping[str, Any]]) -> None:
    """Each name, and under it in small what the model is."""
    for place, entry in enumerate(entries):
        facts = " · ".join(str(entry[fact]) for fact in FACTS if entry.get(fact))
        for text, size, colour, above in ((entry["name"], 10, INK, 6), (facts, 7.5, FAINT, -7)):
            axes.annotate(
                text,
                (0, place),
                (-8, above),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=size,
                color=colour,
            )


def _figure(width: float, height: float) -> Figure:
    """In inches. With a canvas of its own: pyplot's state is the whole process's."""
    figure = Figure((width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
