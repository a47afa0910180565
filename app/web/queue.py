"""Bounded work: one photo in the model, a few requests waiting, the rest told to come back."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

MOST_HELD_BYTES = 32 * 1024 * 1024
"""What the uploads of all admitted requests may weigh together: waiting requests hold their photos
in memory. The service needs 120 MB, the largest photo as it is decoded another 100; this makes the
most of it less than 300."""

MOST_SECONDS_A_PHOTO = 60
"""Ten times what the largest needs on a slow machine. What takes longer hangs."""


class QueueFull(Exception):
    pass


class Queue:
    def __init__(self, waiting: int):
        self._most_requests = waiting + 1
        self._requests = 0
        self._bytes = 0
        self._counts = Lock()
        self._turn = Lock()

    @property
    def length(self) -> int:
        """Requests that wait or are at work."""
        return self._requests

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

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Held while a photo is decoded and captioned: a decoded one is large.

        A turn that hangs would hold up all the others for ever. Past the time for a photo the
        process says on the standard error where it hangs, and ends; gunicorn starts another. The
        clock is a thread of C, which runs even where the model keeps Python from running.
        """
        with self._turn:
            faulthandler.dump_traceback_later(MOST_SECONDS_A_PHOTO, exit=True)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
