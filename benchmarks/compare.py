"""Kantu, the same checkpoint on TensorFlow, and the usual way to serve im2txt, in one run.

    python -m benchmarks.compare PHOTO… --out docs/performance-compare

Each is a service of its own on one and the same core, asked over HTTP for one photo at a time.
Prints time by stage, memory and start-up, and the ratios, as Markdown; writes the figures to
OUT.json and a picture to OUT.png. Kantu captions in English and Chinese, the usual way in English
alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import service, stages
from benchmarks.reporting import machine, table
from benchmarks.weighing import pss

WARM_UP = 5
STARTS = 3
"""The first fills the disk cache."""
GUNICORN = ("gunicorn", "--config", "deploy/gunicorn.conf.py", "benchmarks.timed_wsgi")


@dataclass(frozen=True)
class Way:
    name: str
    module: Sequence[str]
    """And its arguments, for `python -m`."""
    engine: str = "none"


@dataclass(frozen=True)
class Figures:
    """Of one way: medians of milliseconds a photo, megabytes, seconds."""

    stages: dict[str, float]
    total: float
    idle: float
    after: float
    ready: float


def ways(graph: Path) -> list[Way]:
    return [
        Way("Kantu", GUNICORN, "litert"),
        Way("Kantu on TensorFlow", GUNICORN, "tensorflow"),
        Way("the usual way", ("benchmarks.usual_way.serve", str(graph))),
    ]


def measure(way: Way, bodies: Sequence[bytes], requests: int) -> Figures:
    command = [sys.executable, "-m", *way.module]
    starts = []
    while True:
        began = time.perf_counter()
        with service.start(command, KANTU_ENGINE=way.engine) as (process, port):
            service.wait_until_ready(port, process)
            starts.append(time.perf_counter() - began)
            if len(starts) < STARTS:
                continue
            idle = pss(process.pid)
            answers = [
                service.post(port, bodies[turn % len(bodies)]) for turn in range(WARM_UP + requests)
            ]
            return figures(answers[WARM_UP:], idle, pss(process.pid), starts)


def figures(
    answers: Sequence[service.Answer], idle: float, after: float, starts: Sequence[float]
) -> Figures:
    for answer in answers:
        service.captions(answer)
    spent = [stages.read(answer.headers, answer.seconds) for answer in answers]
    return Figures(
        {stage: statistics.median(one[stage] for one in spent) for stage in stages.STAGES},
        1000 * statistics.median(answer.seconds for answer in answers),
        idle,
        after,
        statistics.median(starts),
    )


def report(measured: dict[str, Figures]) -> str:
    """Two tables: a row for each way, and how often Kantu goes into each other one."""
    head = ["", *stages.STAGES, "total, ms", "idle, MB", "after, MB", "ready, s"]
    rows = [
        [name, *(f"{one.stages[stage]:.1f}" for stage in stages.STAGES)]
        + [f"{one.total:.0f}", f"{one.idle:.0f}", f"{one.after:.0f}", f"{one.ready:.2f}"]
        for name, one in measured.items()
    ]
    (_, ours), *others = measured.items()
    ratios = [
        [
            f"{name} / Kantu",
            f"{one.total / ours.total:.1f}",
            f"{one.after / ours.after:.1f}",
            f"{one.ready / ours.ready:.1f}",
        ]
        for name, one in others
    ]
    share = ours.stages["encode"] / sum(ours.stages.values())
    return "\n\n".join(
        [
            table([head, *rows]),
            table([["", "time", "memory", "start"], *ratios]),
            f"Of Kantu's time the CNN takes {share:.0%}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--megapixels", type=float, help="enlarge each photo to so many first")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    photos = [photo.read_bytes() for photo in given.photos]
    if given.megapixels:
        photos = service.enlarge(photos, given.megapixels)
    bodies = [service.form(photo) for photo in photos]
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "graph.pb"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.usual_way.graph", graph],
            cwd=service.ROOT,
            check=True,
        )
        measured = {way.name: measure(way, bodies, given.requests) for way in ways(graph)}
    print(f"{machine()}\n\n{report(measured)}")
    content = {"machine": machine(), "ways": {name: asdict(one) for name, one in measured.items()}}
    given.out.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    # Not above: libraries that this process shared with a service would count half for it.
    from benchmarks.pictures import draw_comparison

    draw_comparison(content).savefig(given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
