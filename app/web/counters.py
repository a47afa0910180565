"""What was done since the start: numbers for whoever watches the server."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Counters:
    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        """By status."""
        self.captions: Counter[str] = Counter()
        """By language."""
        self.seconds: dict[str, float] = defaultdict(float)
        """By stage of the work on a photo."""
        self._lock = Lock()

    def count_request(self, status: int) -> None:
        with self._lock:
            self.requests[status] += 1

    def count_caption(self, language: str) -> None:
        with self._lock:
            self.captions[language] += 1

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[name] += time.perf_counter() - began
