"""Memory of the service: idle, after many photos, at most; free and under limits without swap.

    python -m benchmarks.memory PHOTO… [--models kantu-2 …]

A few clients ask at once, the models in turn, and every tenth photo is enlarged to 12 megapixels,
as a phone takes it. Prints a row for each limit as Markdown. Only root may set limits.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from benchmarks import service
from benchmarks.limit import Limit, memory_limit
from benchmarks.reporting import machine, table
from benchmarks.weighing import peak, pss

LIMITS = (None, 512, 300)
CLIENTS = 8
LARGE_EVERY, MEGAPIXELS = 10, 12


def measure(megabytes: int | None, bodies: Sequence[bytes], photos: int) -> list[object]:
    """A row of the table."""
    with memory_limit(megabytes) if megabytes else nullcontext() as limit:
        with service.serve(join=limit.join if limit else None) as (process, port):
            service.wait_until_ready(port, process)
            idle = pss(process.pid)
            with ThreadPoolExecutor(CLIENTS) as clients:
                turns = (bodies[turn % len(bodies)] for turn in range(photos))
                for answer in clients.map(lambda body: service.post(port, body), turns):
                    service.captions(answer)
            after, most = pss(process.pid), peak(process.pid)
        return [
            f"{megabytes} MB" if megabytes else "none",
            *(f"{value:.0f}" for value in (idle, after, most)),
            *charged(limit),
        ]


def charged(limit: Limit | None) -> list[object]:
    return [f"{limit.most_mb:.0f}", limit.killed] if limit else ["", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--models", nargs="+", default=["kantu-2"])
    given = parser.parse_args()
    os.environ["KANTU_MODELS"] = ",".join(given.models)
    photos = [photo.read_bytes() for photo in given.photos]
    photos[::LARGE_EVERY] = service.enlarge(photos[::LARGE_EVERY], MEGAPIXELS)
    bodies = [service.form(photo, model=model) for photo in photos for model in given.models]
    head = ["limit", "idle", f"after {given.requests}", "peak", "charged at most", "killed"]
    rows = [measure(limit, bodies, given.requests) for limit in LIMITS]
    print(f"{machine()}\n\n{table([head, *rows])}")


if __name__ == "__main__":
    main()
