"""Captions written into files of cameras, phones and programs, read by other programs."""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.browser.modules.conftest import Run, sent
from tests.browser.modules.corpus import HALF_READABLE, UNREADABLE, files

CAPTIONS = [{"language": "en", "text": "A dog."}, {"language": "zh", "text": "一只狗。"}]
FILES = files()

WRITE = """
    let left = false;
    const blob = await m.withCaptions(toFile(arg[0]), arg[1], () => (left = true));
    return [left, await toBase64(blob)];
"""

OURS = (
    "Description",
    "AltTextAccessibility",
    "ImageDescription",
    "Caption-Abstract",
    "CodedCharacterSet",
    "EnvelopeRecordVersion",
    "ApplicationRecordVersion",
    "CurrentIPTCDigest",
    "IPTCDigest",
)
"""Tags that captions are in, or that say how."""

OF_THE_FILE = ("SourceFile", "FileSize", "MPImageStart", "MPImageLength")
"""Tags that change with the length of the file. Whether they are right is another test's."""


def exiftool(path: Path, *options: str) -> dict[str, Any]:
    command = ["exiftool", "-j", "-a", *options, str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    return dict(json.loads(done.stdout)[0])


def others(path: Path) -> dict[str, Any]:
    """All tags but ours, with everything that is embedded."""
    found = exiftool(path, "-b", "-G0:1:4", "--System:all", "--ExifTool:all")
    ours = re.compile(rf".*\b({'|'.join(OURS)})(-\w+)*|.*\b({'|'.join(OF_THE_FILE)})")
    kept = {name: value for name, value in found.items() if not ours.fullmatch(name)}
    return json.loads(json.dumps(kept).replace(r"\u0001", " "))  # XML has no control characters


def warnings(path: Path) -> list[str]:
    found = exiftool(path, "-validate", "-warning", "-error", "-G4")
    return sorted(
        str(value)
        for name, value in found.items()
        if name != "SourceFile" and "Validate" not in name
    )


class Written(NamedTuple):
    name: str
    before: Path
    after: Path
    left: bool
    """Whether the page is to say that something stayed as it was."""


@pytest.fixture(params=FILES)
def written(request: Any, run: Run, tmp_path: Path) -> Written:
    before, after = tmp_path / "before.jpg", tmp_path / "after.jpg"
    before.write_bytes(FILES[request.param])
    left, data = run("metadata", WRITE, [sent(FILES[request.param]), CAPTIONS])
    after.write_bytes(b64decode(data))
    return Written(request.param.removeprefix("XMP, "), before, after, left)


def test_nothing_but_the_captions_changes(written: Written) -> None:
    assert others(written.after) == others(written.before)
    assert set(warnings(written.after)) <= set(warnings(written.before))
    found = exiftool(written.after)
    assert found["Caption-Abstract"] == "A dog."
    assert found.get("ImageDescription", "A dog.") == "A dog."
    assert written.left == (written.name in (*UNREADABLE, *HALF_READABLE))
    if written.name not in UNREADABLE:
        assert [found[tag] for tag in ("Description", "Description-en")] == ["A dog."] * 2
        assert found["Description-zh-hans"] == found["AltTextAccessibility-zh-hans"] == "一只狗。"


def test_exiv2_reads_it(written: Written) -> None:
    command = ["exiv2", "-q", "-px", "pr", str(written.after)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert written.left or "一只狗。" in done.stdout, done
