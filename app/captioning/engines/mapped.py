"""Files that are mapped into memory and no longer needed there."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DONTNEED = 4
"""MADV_DONTNEED of Linux."""


def let_go(path: Path) -> None:
    """Gives back the memory that this process has of a file which it maps to read; what is read
    again comes again. Does nothing where the system is not Linux."""
    with suppress(OSError, AttributeError):
        advise = ctypes.CDLL(None).madvise
        for start, end in _mappings(path):
            advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), DONTNEED)


def _mappings(path: Path) -> Iterator[tuple[int, int]]:
    """First address, and the one behind the last. None that can be written: it may differ."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        place, rights, *_, name = line.split(maxsplit=5)
        if name == str(path.resolve()) and "w" not in rights:
            start, end = (int(address, 16) for address in place.split("-"))
            yield start, end
