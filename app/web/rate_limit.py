"""How often one address may ask."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from app.config import Rate
from app.web.addresses import customer

MOST_ADDRESSES = 10_000
"""That are remembered, in about 2 MB. Past it, those that asked longest ago are forgotten."""


class RateLimit:
    """A bucket for each address. It holds `rate.most` requests and fills evenly as time passes."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic):
        self._seconds = rate.seconds
        self._seconds_each = rate.seconds / rate.most
        self._clock = clock
        self._full_again: OrderedDict[bytes, float] = OrderedDict()
        """When the bucket of an address will be full: all that needs to be known of it."""
        self._lock = Lock()

    def take(self, address: str) -> float:
        """Counts a request: 0 where it may pass, else the seconds until one may."""
        bucket = customer(address)
        with self._lock:
            now = self._clock()
            full_again = max(now, self._full_again.get(bucket, now)) + self._seconds_each
            wait = full_again - now - self._seconds
            if wait > 1e-6:  # more than what floats get wrong
                return wait
            self._full_again[bucket] = full_again
            self._full_again.move_to_end(bucket)
            if len(self._full_again) > MOST_ADDRESSES:
                self._full_again.popitem(last=False)
            return 0
