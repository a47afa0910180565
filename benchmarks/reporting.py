"""How benchmarks name the machine and print what they measured."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.weighing import kilobytes


def machine() -> str:
    processor = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = kilobytes("/proc/meminfo", "MemTotal") / 1024**2
    return (
        f"{processor[1] if processor else platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}"
    )


def table(rows: Sequence[Sequence[object]]) -> str:
    """Markdown; the first row is the head."""
    head, *rest = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([head, "| --- |" + " ---: |" * (len(rows[0]) - 1), *rest])
