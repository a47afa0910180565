"""Files handed to the person."""

from __future__ import annotations

import zipfile
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.browser.modules.conftest import running_in, sent


def downloaded(tab: Any, body: str, argument: Any) -> tuple[str, bytes]:
    with tab.expect_download() as waiting:
        running_in(tab)("save", body, argument)
    download = waiting.value
    return download.suggested_filename, Path(download.path()).read_bytes()


SAVE_ALL = """
    await m.saveAll(arg.map((file) => ({ name: file[1], blob: toFile(file) })), "看图.zip");
"""


def test_a_file_is_saved_under_its_name(tab: Any) -> None:
    name, data = downloaded(tab, 'm.saveAs(toFile(arg), "狗 1.jpg")', sent(b"photo"))
    assert (name, data) == ("狗 1.jpg", b"photo")


def test_one_file_is_saved_as_it_is(tab: Any) -> None:
    assert downloaded(tab, SAVE_ALL, [sent(b"photo", "a.jpg")]) == ("a.jpg", b"photo")


def test_several_files_are_saved_in_a_zip_under_names_of_their_own(tab: Any) -> None:
    names = ["狗.jpg", "a.jpg", "A.JPG", "a.jpg", "a (2).jpg", "a", "v1.2/a", "v1.2/a"]
    files = [sent(name.encode() + bytes([number]), name) for number, name in enumerate(names)]
    name, data = downloaded(tab, SAVE_ALL, files)
    assert name == "看图.zip"
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        found = {one: archive.read(one) for one in archive.namelist()}
    assert list(found) == [
        "狗.jpg",
        "a.jpg",
        "A (2).JPG",
        "a (3).jpg",
        "a (2) (2).jpg",
        "a",
        "v1.2/a",
        "v1.2/a (2)",
    ]
    assert list(found.values()) == [b64decode(file[0]) for file in files]
