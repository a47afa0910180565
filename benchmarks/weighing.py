"""The memory of a service, in MB, from what Linux says of its processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path


def processes(process: int) -> Iterator[int]:
    """A process and all that come from it."""
    yield process
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        yield from processes(int(child))


def pss(process: int) -> float:
    """Memory of a process and its children in MB, shared pages counted once."""
    return sum(kilobytes(f"/proc/{one}/smaps_rollup", "Pss") for one in processes(process)) / 1024


def peak(process: int) -> float:
    """The sum of what a process and its children had at most, in MB. Pages that they share count
    for each, and the peaks need not have been at once: the truth is below."""
    return sum(kilobytes(f"/proc/{one}/status", "VmHWM") for one in processes(process)) / 1024


def kilobytes(file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", Path(file).read_text(), re.MULTILINE)
    return int(found[1])  # type: ignore[index]
