"""The service at saturation: does it stay as fast and as small as it was?

    python -m benchmarks.soak PHOTO… [--minutes 20] [--clients 64]

Starts gunicorn with the default settings. So many clients ask for captions, each again as soon as
it is answered, busy or not, as no honest client would. Prints a line a minute, then statuses and
times, in Markdown. Ends with 1 where there was any answer but 200 and 503, or no 200.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from threading import Event, Lock, Thread

from benchmarks.weighing import pss
from tests.hostile.corpus import form, part, post
from tests.hostile.door import knock
from tests.server import Server, running


class Soak:
    def __init__(self, server: Server, photos: Sequence[Path]):
        self.server = server
        self.requests = cycle([post(form(part(photo.read_bytes()))) for photo in photos])
        self.seconds: dict[str, list[float]] = defaultdict(list)
        """By outcome, see tests/hostile/corpus.py."""
        self.over = Event()
        self.lock = Lock()

    def client(self) -> None:
        while not self.over.is_set():
            with self.lock:
                request = next(self.requests)
            began = time.perf_counter()
            outcome = knock(self.server, [request])
            with self.lock:
                self.seconds[outcome].append(time.perf_counter() - began)

    def run(self, minutes: float, clients: int) -> None:
        threads = [Thread(target=self.client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        print("| minute | PSS, MB | captioned | busy |\n| ---: | ---: | ---: | ---: |", flush=True)
        end = time.monotonic() + 60 * minutes
        minute = 0
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(60, left))
            minute += 1
            with self.lock:
                done = [len(self.seconds.get(outcome, ())) for outcome in ("200", "503 busy")]
            memory = pss(self.server.process.pid)
            print(f"| {minute} | {memory:.0f} | {done[0]} | {done[1]} |", flush=True)
        self.over.set()
        for thread in threads:
            thread.join()

    def show(self) -> None:
        print(
            "\n| answer | times | p50, s | p95, s | p99, s |\n| --- | ---: | ---: | ---: | ---: |"
        )
        for outcome, seconds in sorted(self.seconds.items()):
            cuts = quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
            p50, p95, p99 = (f"{cuts[percent - 1]:.2f}" for percent in (50, 95, 99))
            print(f"| {outcome} | {len(seconds)} | {p50} | {p95} | {p99} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running("wsgi", Path(folder) / "log") as server:
        soak = Soak(server, arguments.photos)
        print(f"PSS {pss(server.process.pid):.0f} MB at the start.\n")
        soak.run(arguments.minutes, arguments.clients)
        soak.show()
        print(f"\nPSS {pss(server.process.pid):.0f} MB at the end.")
    sys.exit(not soak.seconds.keys() <= {"200", "503 busy"} or not soak.seconds["200"])


if __name__ == "__main__":
    main()
