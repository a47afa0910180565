"""What each part of the service adds to its memory and its start, in the order of need.

    python -m benchmarks.imports

Prints a row for each step as Markdown: memory of this process (PSS) in MB, time in ms.
"""

from __future__ import annotations

import os
import time
from importlib import import_module

from benchmarks.reporting import machine, table
from benchmarks.weighing import pss

STEPS = (
    "numpy",
    "PIL.JpegImagePlugin",
    "flask",
    "flask_babel",
    "ai_edge_litert.interpreter",
    "app.cli",
    "app.web.api",
    "app.web.pages",
    "wsgi",
)
"""Modules; the last loads the model."""


def main() -> None:
    rows = []
    memory = bare = pss(os.getpid())
    for module in STEPS:
        began = time.perf_counter()
        import_module(module)
        milliseconds = 1000 * (time.perf_counter() - began)
        now = pss(os.getpid())
        rows.append([module, f"{now - memory:.1f}", f"{milliseconds:.0f}"])
        memory = now
    print(machine(), end="\n\n")
    print(table([["import", "MB", "ms"], *rows, ["together", f"{memory - bare:.1f}", ""]]))


if __name__ == "__main__":
    main()
