"""How large the pictures in an AVIF really are.

Its header (ISO/IEC 14496-12, 23008-12) says a size, to which the decoder scales what the AV1 data
hold, however large that is. So the data are asked too, before anything is decoded: each item's
sequence headers (AV1 Bitstream & Decoding Process Specification, 5.5).
"""

from __future__ import annotations

from collections.abc import Iterator

SEQUENCE_HEADER = 1
MOST_ITEMS = 1000
ANIMATION, STILL = b"avis", b"avif"


class Fields:
    """Reads whole numbers from bytes, one after the other. Raises ValueError behind the end."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) < size:
            raise ValueError("a box is cut short")
        self.at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


def still(data: bytes) -> bytes:
    """The file, or of an animation what makes the decoder take the still picture in it."""
    return data[:8] + STILL + data[12:] if data[8:12] == ANIMATION else data


def sizes(data: bytes) -> list[tuple[int, int]]:
    """Width and height of the AV1 data of every item.

    Raises:
        ValueError: the file is not as it should be, or so that they cannot be told.
    """
    meta = dict(boxes(_only(data, b"meta")[4:]))
    coded = _coded_items(meta[b"iinf"]) if b"iinf" in meta else set()
    found = [
        size
        for item, piece in _items(data, meta.get(b"iloc", b""), meta.get(b"idat", b""))
        if item in coded
        for size in _sequence_sizes(piece)
    ]
    if not found:
        raise ValueError("there is no picture")
    return found


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each."""
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + size if size else len(data)
        if end < at + head:
            raise ValueError("a box is shorter than its head")
        yield kind, data[at + head : end]
        at = end


def _only(data: bytes, kind: bytes) -> bytes:
    contents = [content for found, content in boxes(data) if found == kind]
    if len(contents) != 1:
        raise ValueError(f"there are {len(contents)} boxes of {kind!r}")
    return contents[0]


def _coded_items(iinf: bytes) -> set[int]:
    """Those of AV1 data."""
    entries = boxes(iinf[6 if iinf[:1] == b"\0" else 8 :])
    coded = set()
    for _, entry in entries:
        fields = Fields(entry)
        version = fields.number(4) >> 24
        item = fields.number(2 if version < 3 else 4)
        fields.take(2)
        if fields.take(4) == b"av01":
            coded.add(item)
    return coded


def _items(data: bytes, iloc: bytes, idat: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each."""
    fields = Fields(iloc)
    version, sizes = fields.number(4) >> 24, fields.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    count = fields.number(2 if version < 2 else 4)
    if count > MOST_ITEMS:
        raise ValueError("too many items")
    for _ in range(count):
        item = fields.number(2 if version < 2 else 4)
        method = fields.number(2) & 15 if version else 0
        fields.take(2)
        base = fields.number(base_size)
        source = {0: data, 1: idat}[method]
        pieces = []
        for _ in range(fields.number(2)):
            fields.take(index_size)
            start, length = base + fields.number(offset_size), fields.number(length_size)
            pieces.append(source[start : start + length] if length else source[start:])
        yield item, b"".join(pieces)


def _sequence_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Of each sequence header among the open bitstream units (5.3)."""
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 4 else 1
        size = len(data) - at
        if head & 2:
            size, at = _leb128(data, at)
        if head >> 3 & 15 == SEQUENCE_HEADER:
            yield _largest_frame(data[at : at + min(size, 200)])
        at += size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """The number (4.10.5), and what follows it."""
    value = 0
    for nth, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * nth
        if byte < 128:
            return value, at + nth + 1
    raise ValueError("a size is cut short")


def _largest_frame(header: bytes) -> tuple[int, int]:
    bits = Bits(header)
    bits.take(4)  # profile, still picture
    if bits.take(1):  # a reduced header
        bits.take(5)
    else:
        if bits.take(1):
            raise ValueError("it has a timing, which pictures have not")
        delays = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if delays and bits.take(1):
                bits.take(4)
    width, height = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width) + 1, bits.take(height) + 1


class Bits:
    """Reads whole numbers from bits, the highest first. Raises ValueError behind the end."""

    def __init__(self, data: bytes):
        self.value, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            raise ValueError("a header is cut short")
        return self.value >> self.left & (1 << count) - 1
