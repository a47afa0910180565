"""JPEG files for tests to break: drawn here, and taken apart into segments."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

START, END = b"\xff\xd8", b"\xff\xd9"
FRAMES = (0xC0, 0xC1, 0xC2)
HUFFMAN, QUANTISATION, SCAN, RESTARTS = 0xC4, 0xDB, 0xDA, 0xDD
APP = [0xE0 + number for number in range(16)]
COMMENT = 0xFE


@dataclass(frozen=True)
class Segment:
    marker: int
    start: int
    """Of the marker's 0xff."""
    end: int
    """Behind the last byte that its length counts; compressed data may follow."""


@cache
def picture(width: int = 120, height: int = 90) -> Image.Image:
    """Something of everything: a slope of colours, an edge, noise."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([x, y, 255 - x], axis=-1)
    pixels[height // 3 : height // 2] = 30
    noise = np.random.default_rng(1).normal(0, 12, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    stream = BytesIO()
    (image or picture()).save(stream, "JPEG", **{"quality": 80, **options})
    return stream.getvalue()


def flat(width: int, height: int) -> bytes:
    """A large grey photo in a small file: for four blocks, 8 by 8 pixels each, it has 3 bytes."""
    small = jpeg(Image.new("L", (8, 8), 128))
    blocks = -(-width // 8) * -(-height // 8)
    grey = b"\x28\xa2\x8a" * (blocks // 4 + 1)
    return with_size(small[: first(small, SCAN).end], width, height) + grey + END


def segments(data: bytes) -> list[Segment]:
    """All up to the last scan's header. What is compressed has no markers but RSTn and 0xff00."""
    found = []
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0xFF, 0xD9) or 0xD0 <= marker <= 0xD8:
            at += 1
            continue
        end = at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
        found.append(Segment(marker, at, end))
        at = end
    return found


def first(data: bytes, *markers: int) -> Segment:
    return next(one for one in segments(data) if one.marker in markers)


def segment(marker: int, content: bytes, length: int | None = None) -> bytes:
    """A segment, whose length may lie."""
    said = len(content) + 2 if length is None else length
    return struct.pack(">BBH", 0xFF, marker, said) + content


def without(data: bytes, marker: int) -> bytes:
    for one in reversed(segments(data)):
        if one.marker == marker:
            data = data[: one.start] + data[one.end :]
    return data


def put(data: bytes, at: int, new: bytes) -> bytes:
    """With these bytes in the place of as many others."""
    return data[:at] + new + data[at + len(new) :]


def replaced(data: bytes, marker: int, new: bytes) -> bytes:
    """With this instead of the first segment of a kind."""
    old = first(data, marker)
    return data[: old.start] + new + data[old.end :]


def inserted(data: bytes, new: bytes) -> bytes:
    """With this before everything else."""
    return START + new + data[2:]


def with_size(data: bytes, width: int, height: int) -> bytes:
    return put(data, first(data, *FRAMES).start + 5, struct.pack(">HH", height, width))


def with_frame(data: bytes, offset: int, *values: int) -> bytes:
    """With other bytes in the frame header: 4 is the precision, 9 how many components there are,
    10, 11 and 12 the first one's id, sampling and quantisation table."""
    return put(data, first(data, *FRAMES).start + offset, bytes(values))


def exif(ifd: bytes, order: bytes = b"II") -> bytes:
    """An APP1 segment around a TIFF directory that begins at offset 8."""
    magic = b"*\0\x08\0\0\0" if order == b"II" else b"\0*\0\0\0\x08"
    return segment(0xE1, b"Exif\0\0" + order + magic + ifd)


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    """One entry of a directory, little-endian."""
    return struct.pack("<HHII", tag, kind, count, value)


def directory(*entries: bytes, following: int = 0) -> bytes:
    return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)
