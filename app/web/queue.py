"""Bounded work: one photo in the model, a few requests waiting, the rest told to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

MOST_HELD_BYTES = 64 * 1024 * 1024
"""What the uploads of all admitted requests may weigh together: waiting requests hold their photos
in memory, and a small server has little of it."""


class QueueFull(Exception):
    pass


class Queue:
    def __init__(self, waiting: int):
        self._most_requests = waiting + 1
        self._requests = 0
        self._bytes = 0
        self._counts = Lock()
        self.turn = Lock()
        """Held while a photo is decoded and captioned: a decoded one is large."""

    @contextmanager
    def place(self, upload_bytes: int) -> Iterator[None]:
        """A place in the queue for one request. Raises QueueFull where there is none."""
        with self._counts:
            # A request alone always gets in: max_bytes may be set above MOST_HELD_BYTES.
            heavy = self._requests and self._bytes + upload_bytes > MOST_HELD_BYTES
            if heavy or self._requests == self._most_requests:
                raise QueueFull
            self._requests += 1
            self._bytes += upload_bytes
        try:
            yield
        finally:
            with self._counts:
                self._requests -= 1
                self._bytes -= upload_bytes
