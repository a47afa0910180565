"""Hostile PNG, WebP, AVIF and HEIC files, and what each may be answered: see corpus.py."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener

from app.config import Settings
from app.photos.kinds import KINDS
from tests.hostile.corpus import CORRUPT, DAMAGED, FINE, OTHER_KIND, TOO_MANY_PIXELS, Photo
from tests.hostile.jpegs import picture

register_heif_opener()

WRITERS = {"png": "PNG", "webp": "WEBP", "avif": "AVIF", "heic": "HEIF"}
QUICK: dict[str, dict[str, Any]] = {"png": {"compress_level": 1}, "webp": {"method": 0}}
PNG_HEAD = 8 + 25
"""Bytes of the signature and of IHDR."""


def saved(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    stream = BytesIO()
    (image or picture()).save(stream, WRITERS[kind], **options)
    return stream.getvalue()


def others() -> Iterator[Photo]:
    for kind in WRITERS:
        yield from cut(kind)
        yield from alone(kind)
    for source in (pngs, webps, boxes, whole):
        yield from source()


def largest_others() -> Iterator[bytes]:
    """What takes the most memory of all that is allowed by default: see Kind.memory."""
    for kind in ("png", "webp"):
        width = 4000
        height = 2 * Settings().max_pixels // KINDS[kind].memory // width
        yield saved(kind, Image.new("RGBA", (width, height), (9, 9, 9, 99)), **QUICK[kind])


def cut(kind: str) -> Iterator[Photo]:
    data = saved(kind)
    for tenth in range(1, 10):
        yield f"{kind}/cut/{tenth}", data[: len(data) * tenth // 10], DAMAGED
    for end in (12, 20, 30):
        yield f"{kind}/cut/head-{end}", data[:end], DAMAGED
    yield f"{kind}/zeros-behind", data + bytes(100_000), FINE
    yield f"{kind}/script-behind", data + b"<script>alert(1)</script>", FINE
    middle = len(data) // 2
    yield f"{kind}/zeros-within", data[:middle] + bytes(64) + data[middle + 64 :], DAMAGED
    yield f"{kind}/ones-within", data[:middle] + b"\xff" * 64 + data[middle + 64 :], DAMAGED


def alone(kind: str) -> Iterator[Photo]:
    yield f"{kind}/head-and-zeros", saved(kind)[:16] + bytes(5000), CORRUPT | TOO_MANY_PIXELS
    yield f"{kind}/head-and-ones", saved(kind)[:16] + b"\xff" * 5000, CORRUPT | TOO_MANY_PIXELS


def whole() -> Iterator[Photo]:
    """What is odd and right."""
    for mode in ("1", "L", "LA", "P", "RGBA"):
        yield f"png/mode/{mode}", saved("png", picture().convert(mode)), FINE
    for channels in (1, 3, 4):
        shape = (40, 50, channels) if channels > 1 else (40, 50)
        deep = np.full(shape, 40_000, np.uint16)
        yield f"png/16-bit/{channels}", cv2.imencode(".png", deep)[1].tobytes(), FINE
    frames = {"save_all": True, "append_images": [picture().rotate(90)] * 3}
    for kind in ("png", "webp", "avif"):
        yield f"{kind}/animated", saved(kind, **frames), FINE
    for kind in WRITERS:
        yield f"{kind}/transparent", saved(kind, picture().convert("RGBA")), FINE
        yield f"{kind}/one-pixel", saved(kind, Image.new("RGB", (1, 1))), FINE
        yield f"{kind}/profile", saved(kind, icc_profile=b"not a profile" * 100), FINE
    for kind in ("png", "webp"):  # as Pillow reads it when it writes the others
        yield f"{kind}/exif", saved(kind, exif=b"Exif\0\0II*\0\xff\xff\xff\xff" * 3), DAMAGED
    yield "png/strip", saved("png", Image.new("L", (60_000, 2))), FINE
    yield "webp/lossless", saved("webp", lossless=True), FINE
    yield "tiff-in-png-clothes", b"\x89PNG\r\n\x1a\n" + b"II*\0" + bytes(100), CORRUPT


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def header(width: int, height: int, depth: int = 8, colours: int = 2) -> bytes:
    fields = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", fields)


def pngs() -> Iterator[Photo]:
    data = saved("png")
    head, rest = data[:PNG_HEAD], data[PNG_HEAD:]
    nothing = chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    for width, height in ((0, 0), (0, 9), (1, 2**31 - 1), (2**31 - 1, 2**31 - 1), (2**32 - 1, 1)):
        wrong = CORRUPT | TOO_MANY_PIXELS
        yield f"png/size/{width}x{height}", header(width, height) + nothing, wrong
    for depth, colours in ((3, 2), (16, 3), (8, 9), (255, 255)):
        yield f"png/kind/{depth}-{colours}", header(9, 9, depth, colours) + nothing, DAMAGED
    bomb = zlib.compress(bytes(60_000_000), 9)
    text = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(900_000), 9))
    yield "png/bomb/text", head + chunk(b"zTXt", b"x\0\0" + bomb) + rest, DAMAGED
    yield "png/bomb/texts", head + text * 300 + rest, CORRUPT
    yield "png/bomb/international", head + chunk(b"iTXt", b"x\0\1\0\0\0" + bomb) + rest, DAMAGED
    yield "png/bomb/profile", head + chunk(b"iCCP", b"x\0\0" + bomb) + rest, DAMAGED
    yield "png/bomb/picture", header(10, 10) + chunk(b"IDAT", bomb) + chunk(b"IEND", b""), DAMAGED
    yield "png/chunks", head + chunk(b"teST", b"") * 500_000 + rest, CORRUPT
    yield "png/long-chunk", head + b"\x7f\xff\xff\xffteST" + rest, CORRUPT
    yield "png/without-palette", header(9, 9, 8, 3) + nothing, DAMAGED
    yield "png/two-headers", head + head[8:] + rest, DAMAGED
    yield "png/wrong-sum", data[:20] + b"\xff" + data[21:], CORRUPT | TOO_MANY_PIXELS


def webps() -> Iterator[Photo]:
    lossy, lossless = saved("webp"), saved("webp", lossless=True)
    at = lossless.index(b"VP8L") + 9
    giant = lossless[:at] + b"\xff\xff\xff\x0f" + lossless[at + 4 :]
    yield "webp/giant", giant, TOO_MANY_PIXELS | CORRUPT
    size = lossy.index(b"VP8 ") + 14
    yield (
        "webp/giant-lossy",
        lossy[:size] + b"\xff\x3f\xff\x3f" + lossy[size + 4 :],
        (TOO_MANY_PIXELS | CORRUPT),
    )
    yield "webp/riff-alone", b"RIFF\x04\0\0\0WEBP", CORRUPT
    yield "webp/avi", b"RIFF\x04\0\0\0AVI LIST", OTHER_KIND
    long = lossy[:4] + b"\xff\xff\xff\xff" + lossy[8:]
    yield "webp/long-riff", long, DAMAGED
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\xff" * 2
    yield (
        "webp/giant-canvas",
        b"RIFF\xff\xff\0\0WEBP" + canvas + lossy[12:],
        (TOO_MANY_PIXELS | CORRUPT),
    )


def boxes() -> Iterator[Photo]:
    for kind, brand in (("avif", b"avif"), ("heic", b"heic")):
        start = struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand
        yield f"{kind}/brand-alone", start, CORRUPT
        yield f"{kind}/long-brands", b"\xff\xff\xff\xff" + start[4:], CORRUPT
        yield f"{kind}/empty-meta", start + struct.pack(">I", 12) + b"meta" + bytes(4), CORRUPT
        yield f"{kind}/endless-meta", start + b"\0\0\0\0meta" + bytes(100), CORRUPT
        data = saved(kind)
        at = data.index(b"ispe") + 8
        wide = data[:at] + b"\x00\x00\xff\xff" * 2 + data[at + 8 :]
        yield f"{kind}/giant", wide, TOO_MANY_PIXELS | CORRUPT
    yield "mov", b"\0\0\0\x14ftypqt  " + bytes(8), OTHER_KIND
