"""The kinds of photo files: which there are, which can be read here, and of which a file is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec


@dataclass(frozen=True)
class Kind:
    title: str
    media_type: str
    suffixes: tuple[str, ...]
    memory: int
    """Bytes for each pixel that decoding needs, measured (tests/app/photos/test_whole.py): those
    but JPEG are decoded whole, each into buffers of its library and then into Pillow's."""


KINDS = {
    "jpeg": Kind("JPEG", "image/jpeg", (".jpg", ".jpeg", ".jfif"), 2),
    "png": Kind("PNG", "image/png", (".png",), 5),
    "webp": Kind("WebP", "image/webp", (".webp",), 18),
    "avif": Kind("AVIF", "image/avif", (".avif",), 16),
    "heic": Kind("HEIC", "image/heic", (".heic", ".heif"), 8),
}
"""By the names that KANTU_FORMATS has for them."""

JPEG = (KINDS["jpeg"],)

BEGINNINGS = {
    "JPEG": (b"\xff\xd8",),
    "PNG": (b"\x89PNG",),
    "GIF": (b"GIF8",),
    "TIFF": (b"II*\x00", b"MM\x00*"),
    "BMP": (b"BM",),
    "PDF": (b"%PDF",),
}
"""Of the files that people take for photos."""

AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
ANY_IMAGE = (b"mif1", b"msf1", b"miaf")
"""What files of both kinds may call themselves first, and then name their own kind among others."""

MOST_BRANDS = 32


@cache
def available() -> tuple[Kind, ...]:
    """Those that what is installed can read."""
    from PIL import features  # it loads libraries to find out

    missing = {
        "webp": not features.check("webp"),
        "avif": not features.check("avif"),
        "heic": not find_spec("pillow_heif"),
    }
    return tuple(kind for name, kind in KINDS.items() if not missing.get(name))


def suffixes(kinds: Sequence[Kind]) -> tuple[str, ...]:
    """What the names of their files end with, in lower case."""
    return tuple(suffix for kind in kinds for suffix in kind.suffixes)


def title_of(data: bytes) -> str | None:
    """What the kind of this file is called, by its first bytes; None where nobody knows."""
    for title, beginnings in BEGINNINGS.items():
        if data.startswith(beginnings):
            return title
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return _title_by_brand(data) if data[4:8] == b"ftyp" else None


def _title_by_brand(data: bytes) -> str | None:
    """Of a file that begins with a box: its length, "ftyp", a brand, a version, more brands."""
    end = min(int.from_bytes(data[:4], "big"), 4 * MOST_BRANDS)
    others = [data[at : at + 4] for at in range(16, end, 4)]
    first = data[8:12]
    brands = [first, *others] if first in ANY_IMAGE else [first]
    if any(brand in AVIF_BRANDS for brand in brands):
        return "AVIF"
    return "HEIC" if any(brand in (*HEIC_BRANDS, *ANY_IMAGE) for brand in brands) else None
