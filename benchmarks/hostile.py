"""Every hostile upload of tests/hostile, and thousands of photos with random damage, through the
real door.

    python -m benchmarks.hostile [--mutants 10000] [--seed 0]

Starts gunicorn with the default settings and prints what was answered how often, in Markdown, and
what the service needed of memory. Ends with 1 where an answer was none of those allowed, or the
worker did not survive.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.weighing import pss
from tests.hostile.corpus import (
    BUSY,
    DAMAGED,
    FINE,
    OTHER_KIND,
    TOO_MANY_PIXELS,
    Hostile,
    largest,
    upload,
    uploads,
)
from tests.hostile.door import knock, peak_megabytes
from tests.hostile.fuzz import mutants
from tests.server import Server, running

AT_ONCE = 24


def damaged(number: int, seed: int) -> Iterator[Hostile]:
    for count, photo in enumerate(mutants(number, seed)):
        yield Hostile(
            f"fuzz/{count}",
            lambda photo=photo: [upload(photo)],
            DAMAGED | OTHER_KIND | TOO_MANY_PIXELS,
        )


def together() -> Iterator[Hostile]:
    request = upload(largest())
    for number in range(3 * AT_ONCE):
        yield Hostile(f"at once/{number}", lambda: [request], FINE | BUSY)


class Report:
    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self.slowest: dict[str, float] = defaultdict(float)
        self.wrong: list[str] = []

    def send(self, server: Server, one: Hostile) -> None:
        family = one.name.split("/")[0]
        began = time.perf_counter()
        outcome = knock(server, one.send())
        self.slowest[family] = max(self.slowest[family], time.perf_counter() - began)
        self.outcomes[family][outcome] += 1
        if outcome not in one.allowed:
            self.wrong.append(f"{one.name}: {outcome}, not {sorted(one.allowed)}")

    def show(self) -> None:
        print("| uploads | sent | answers | slowest, s |\n| --- | ---: | --- | ---: |")
        for family, outcomes in self.outcomes.items():
            answers = ", ".join(f"{outcome}: {times}" for outcome, times in outcomes.most_common())
            print(f"| {family} | {outcomes.total()} | {answers} | {self.slowest[family]:.2f} |")
        print("\n".join(["", *self.wrong]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as folder, running("wsgi", Path(folder) / "log") as server:
        workers = server.workers
        before = pss(server.process.pid)
        for one in (*uploads(), *damaged(arguments.mutants, arguments.seed)):
            report.send(server, one)
        after = pss(server.process.pid)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda one: report.send(server, one), together()))
        report.show()
        survived = server.workers == workers and "Traceback" not in server.log.read_text()
        survived_said = "survived" if survived else "did not survive"
        print(
            f"PSS {before:.0f} MB before, {after:.0f} MB after the uploads one by one, "
            f"{pss(server.process.pid):.0f} MB after {AT_ONCE} giants at once; peak "
            f"{peak_megabytes(server):.0f} MB. The worker {survived_said}."
        )
    sys.exit(bool(report.wrong) or not survived)


if __name__ == "__main__":
    main()
