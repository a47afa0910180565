"""What the service answers as more clients ask at once, and how fast.

    python -m benchmarks.load PHOTO… --out docs/performance-load

Each client sends a photo, waits for the answer, and sends the next; one that is told 503 waits as
`Retry-After` says. Prints a row for each number of clients as Markdown; writes the figures to
OUT.json and a picture to OUT.png.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks import service
from benchmarks.pictures import draw_load
from benchmarks.reporting import machine, table

CLIENTS = (1, 4, 16, 64, 256)
PERCENTILES = (50, 95, 99)
WARM_UP = 5

Row = dict[str, Any]


def measure(port: int, bodies: list[bytes], clients: int, seconds: float) -> Row:
    """Photos a second, milliseconds of those captioned, and how often each status was answered."""
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        futures = [
            pool.submit(ask, port, bodies[client:] + bodies[:client], began + seconds)
            for client in range(clients)
        ]
        answers = list(chain.from_iterable(future.result() for future in futures))
    took = time.perf_counter() - began
    times = sorted(1000 * answer.seconds for answer in answers if answer.status == 200)
    return {
        "clients": clients,
        "photos_a_second": len(times) / took,
        "milliseconds": {f"p{percent}": percentile(times, percent) for percent in PERCENTILES},
        "statuses": dict(sorted(Counter(answer.status for answer in answers).items())),
    }


def ask(port: int, bodies: Sequence[bytes], until: float) -> list[service.Answer]:
    """One client: what it was answered until that time."""
    answers: list[service.Answer] = []
    while time.perf_counter() < until:
        answer = service.post(port, bodies[len(answers) % len(bodies)])
        answers.append(answer)
        if answer.status == 503:
            left = until - time.perf_counter()
            time.sleep(max(0.0, min(left, float(answer.headers["Retry-After"]))))
    return answers


def percentile(values: Sequence[float], percent: int) -> float:
    """Of sorted values: the least that so many percent do not exceed."""
    return values[-(-percent * len(values) // 100) - 1]


def report(rows: Sequence[Row]) -> str:
    head = ["clients", "photos/s", *(f"p{percent}, ms" for percent in PERCENTILES), "answers"]
    return table(
        [head]
        + [
            [row["clients"], f"{row['photos_a_second']:.1f}"]
            + [f"{value:.0f}" for value in row["milliseconds"].values()]
            + [", ".join(f"{count} × {status}" for status, count in row["statuses"].items())]
            for row in rows
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=15, help="for each number of clients")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--port", type=int, help="of a service that runs already, on one core")
    given = parser.parse_args()
    bodies = [service.form(photo.read_bytes()) for photo in given.photos]
    with nullcontext((None, given.port)) if given.port else service.serve() as (process, port):
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {service.CORE})
        if process:
            service.wait_until_ready(port, process)
        for body in bodies[:WARM_UP]:
            service.captions(service.post(port, body))
        rows = [measure(port, bodies, clients, given.seconds) for clients in CLIENTS]
    print(f"{machine()}\n\n{report(rows)}")
    content = {"machine": machine(), "rows": rows}
    given.out.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    draw_load(content).savefig(given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
