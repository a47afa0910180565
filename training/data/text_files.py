"""The text files of the Flickr collections: lists of photos, and captions by photo."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.data.downloads import Report, has_words

_CAPTION_LINE = re.compile(r"(?P<name>[^#\t]+)#(?:zh[bc]#)?\d+(?:\s+(?P<caption>.*))?")


def read_captions(path: Path, legacy_encoding: str, report: Report) -> dict[str, list[str]]:
    """Captions by file name, of lines such as `name.jpg#0<tab>caption`.

    Args:
        path: the file. Where it is absent there are no captions.
        legacy_encoding: see `read_lines`.
        report: gets the lines that are no caption.
    """
    captions: dict[str, list[str]] = defaultdict(list)
    for line in read_lines(path, legacy_encoding, report):
        parsed = _CAPTION_LINE.fullmatch(line)
        if not parsed:
            report.add("unparsable_lines", f"{path.name}: {line[:80]}")
        elif not has_words(parsed["caption"] or ""):
            report.add("empty_captions", f"{path.name}: {line[:80]}")
        else:
            captions[parsed["name"]].append(parsed["caption"])
    return dict(captions)


def read_lines(path: Path, legacy_encoding: str, report: Report) -> Iterator[str]:
    """The lines that are text, without white space around them and without empty ones.

    Args:
        path: the file, in UTF-8 with or without a byte order mark, with any line ends.
        legacy_encoding: what the whole file is taken for where most lines beyond ASCII are not
            UTF-8.
        report: gets the file where it is absent or in the older encoding, and lines without text.
    """
    if not path.is_file():
        report.add("missing_files", path.name)
        return
    lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    encoding = "utf-8"
    if not _mostly_utf8(lines):
        encoding = legacy_encoding
        report.add("legacy_encodings", f"{path.name} ({encoding})")
    for number, line in enumerate(lines, 1):
        decoded = _decode(line, encoding)
        if decoded is None:
            report.add("undecodable_lines", f"{path.name}, line {number}")
        elif decoded.strip():
            yield decoded.strip()


def _mostly_utf8(lines: Sequence[bytes]) -> bool:
    beyond_ascii = [line for line in lines if not line.isascii()]
    valid = sum(_decode(line, "utf-8") is not None for line in beyond_ascii)
    return 2 * valid >= len(beyond_ascii)


def _decode(line: bytes, encoding: str) -> str | None:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None
