"""A person, a browser, the real server and the checkpoint that comes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.captioning.captioner import Captioner
from app.config import ROOT
from app.photos import read_photo
from tests.photos import jpeg
from tests.server import serving


def test_a_person_uploads_a_photo_and_reads_both_captions(browser: Any, tmp_path: Path) -> None:
    photo = jpeg("chelsea")
    captioner = Captioner.load(ROOT / "model_assets" / "kantu-2", "litert")
    pixels = read_photo(photo, 10**8, 10**8)
    expected = [captioner.caption(pixels, language)[0].text for language in ("en", "zh")]
    with serving("wsgi", tmp_path / "log") as address:
        page = browser.new_page(locale="en-GB")
        page.goto(address)
        page.set_input_files(
            "#file", {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": photo}
        )
        page.wait_for_selector(".caption-text")
        texts = page.locator(".caption-text").all()
        assert [text.input_value() for text in texts] == expected
        page.close()
