"""A memory limit without swap, as a small server has it: a control group of its own (version 1)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup/memory")


class Limit:
    def __init__(self, group: Path):
        self._group = group

    def join(self) -> None:
        """Puts the process that calls this, and all that come from it, under the limit."""
        (self._group / "cgroup.procs").write_text(str(os.getpid()))

    @property
    def killed(self) -> int:
        """How many processes the kernel ended for want of memory."""
        control = (self._group / "memory.oom_control").read_text()
        found = re.search(r"^oom_kill (\d+)", control, re.MULTILINE)
        return int(found[1])  # type: ignore[index]

    @property
    def most_mb(self) -> float:
        """The most that was charged to the group, the disk cache included."""
        return int((self._group / "memory.max_usage_in_bytes").read_text()) / 1024**2


@contextmanager
def memory_limit(megabytes: int) -> Iterator[Limit]:
    """Raises OSError where this user may not make control groups."""
    own = re.search(r"^\d+:memory:/(.*)", Path("/proc/self/cgroup").read_text(), re.MULTILINE)
    if not own:
        raise OSError("There is no memory control group of version 1 here.")
    group = ROOT / own[1] / f"kantu-{os.getpid()}"
    group.mkdir()
    try:
        # With swap the limit would be no limit; a kernel may have no account of it.
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            (group / name).write_text(str(megabytes * 1024**2))
        yield Limit(group)
    finally:
        group.rmdir()
