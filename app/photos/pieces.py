"""A file in memory, which is read in so many pieces and no more."""

from __future__ import annotations

from io import BytesIO

MOST_READS = 10_000
"""Three for each segment of a header, one for each 64 kB of what follows. Where a header has junk
instead, Pillow looks for its end byte by byte: 9 MB of it took 11 s."""

LEAST_PIECE = 256
"""Bytes of a long file that a read stands for: PNG has its picture in pieces too, three reads each,
of 8 kB as most programs write them."""


class Pieces(BytesIO):
    """Raises ValueError where it is read too often."""

    def __init__(self, data: bytes):
        super().__init__(data)
        self.left = max(MOST_READS, len(data) // LEAST_PIECE)

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too many pieces")
        return super().read(size)
