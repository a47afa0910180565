"""A folder of ten thousand photos, captioned with kills on the way: is each there once?

    python -m benchmarks.folder PHOTO… --copies 10000 --jobs 2 --kills 3

Copies the photos (hard links to one copy of each), runs `flask caption` on them, kills it with
SIGKILL, starts it again, and so on to the end. Prints as Markdown how long it took, the memory that
it had with its processes, and how many captions, two a photo, are there once, twice or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.reporting import machine, table
from benchmarks.weighing import pss

ROOT = Path(__file__).parents[1]
COMMAND = ("flask", "--app", "wsgi", "caption")
LANGUAGES = 2


def fill(folder: Path, photos: Sequence[Path], copies: int) -> None:
    """So many JPEG files, each photo as often as the others."""
    for number in range(copies):
        source = folder / f"{number % len(photos):05}.jpg"
        if number < len(photos):
            shutil.copyfile(photos[number], source)
        else:
            os.link(source, folder / f"{number:05}.jpg")


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def killed(folder: Path, options: Sequence[str], when: Callable[[], bool]) -> float:
    """Runs the command and kills it. Gives the memory that it had, in MB."""
    process = _start(folder, options)
    try:
        while not when():
            if process.poll() is not None:
                raise RuntimeError(f"it ended before it was killed, with {process.returncode}")
            time.sleep(0.05)
        memory = pss(process.pid)
    finally:
        process.kill()
        process.wait()
    _wait_for_the_rest(process.pid)
    return memory


def finished(folder: Path, options: Sequence[str]) -> None:
    process = _start(folder, options)
    if process.wait():
        raise RuntimeError(f"it ended with {process.returncode}")


def _start(folder: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *COMMAND, str(folder), *options],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_for_the_rest(group: int) -> None:
    """Whoever is killed cannot end its processes: they must see it, and go."""
    deadline = time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)
        raise RuntimeError("its processes live on a minute after it was killed")


def measure(folder: Path, output: Path, copies: int, jobs: int, kills: int) -> list[object]:
    """A row of the table."""
    options = ["--output", str(output), "--jobs", str(jobs)]
    began = time.perf_counter()
    memory = []
    for kill in range(1, kills + 1):
        goal = LANGUAGES * copies * kill // (kills + 1)
        memory.append(killed(folder, options, lambda goal=goal: lines(output) >= goal))
    finished(folder, options)
    took = time.perf_counter() - began
    captioned = Counter(
        (row["path"], row["language"])
        for row in map(json.loads, output.read_text(encoding="utf-8").splitlines())
        if row.get("text")
    )
    once = sum(count == 1 for count in captioned.values())
    return [
        jobs,
        kills,
        f"{took:.0f}",
        f"{copies / took:.1f}",
        " ".join(f"{one:.0f}" for one in memory),
        once,
        len(captioned) - once,
        LANGUAGES * copies - len(captioned),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--copies", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--kills", type=int, default=3)
    given = parser.parse_args()
    head = ["--jobs", "kills", "s", "photos/s", "MB at each kill", "once", "twice", "missing"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "photos"
        folder.mkdir()
        fill(folder, given.photos, given.copies)
        rows = [
            measure(folder, Path(temporary) / f"{jobs}.jsonl", given.copies, jobs, given.kills)
            for jobs in given.jobs
        ]
    print(f"{machine()}\n\n{table([head, *rows])}")


if __name__ == "__main__":
    main()
