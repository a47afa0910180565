"""The pictures of the benchmarks, from what they write to JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT = "#333333", "#8a8a8a"
BLUE = "#1f6f8b"
STAGES = {
    "check": FAINT,
    "decode": "#d9a441",
    "encode": BLUE,
    "beam": "#b23a48",
    "render": "#6b8e5a",
}
PERCENTILES = {"p50": BLUE, "p95": "#d9a441", "p99": "#b23a48"}


def draw_comparison(content: Mapping[str, Any]) -> Figure:
    """Of each way: time by stage, and memory."""
    names, ways = list(content["ways"]), content["ways"].values()
    figure = _figure(9, 2.8, content["machine"])
    spent, memory = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    left = [0.0] * len(names)
    for stage, colour in STAGES.items():
        widths = [way["stages"][stage] for way in ways]
        spent.barh(names, widths, left=left, color=colour, label=stage, height=0.6)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    spent.invert_yaxis()
    spent.legend(frameon=False, fontsize=8)
    _label(spent, left, [f"{way['total']:.0f} ms" for way in ways])
    weights = [way["after"] for way in ways]
    memory.barh(names, weights, color=BLUE, height=0.6)
    _label(memory, weights, [f"{weight:.0f} MB" for weight in weights])
    _bare(spent, "time a photo")
    _bare(memory, "memory")
    return figure


def draw_load(content: Mapping[str, Any]) -> Figure:
    """By clients: photos a second, and how long one of them waits."""
    rows = content["rows"]
    clients = [str(row["clients"]) for row in rows]
    figure = _figure(9, 3.4, content["machine"])
    speed, delay = figure.subplots(1, 2)
    speed.plot(clients, [row["photos_a_second"] for row in rows], "o-", color=BLUE)
    for percentile, colour in PERCENTILES.items():
        times = [row["milliseconds"][percentile] for row in rows]
        delay.plot(clients, times, "o-", color=colour, label=percentile)
    delay.legend(frameon=False, fontsize=9)
    _bare(speed, "photos a second")
    _bare(delay, "ms from photo to both captions")
    for axes in (speed, delay):
        axes.set_ylim(0, 1.1 * axes.dataLim.y1)
        axes.set_xlabel("clients at once", color=INK)
        axes.grid(axis="y", alpha=0.3)
    return figure


def _figure(width: float, height: float, title: str) -> Figure:
    """In inches. With a canvas of its own: pyplot's state is the whole process's."""
    figure = Figure((width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, color=INK, fontsize=8)
    return figure


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def _label(axes: Axes, ends: Sequence[float], texts: Sequence[str]) -> None:
    """Beside each bar."""
    axes.margins(x=0.25)
    for place, (end, text) in enumerate(zip(ends, texts, strict=True)):
        axes.annotate(
            text,
            (end, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
