"""Captions as CSV, JSON, HTML and Markdown."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest

from tests.browser.modules.conftest import Run


def entry(name: str, **texts: str) -> dict[str, Any]:
    captions = [
        {
            "language": language,
            "text": text,
            "edited": language == "zh",
            "probability": None if language == "zh" else 0.25,
            "alternatives": [{"text": "Another.", "probability": 1e-7}],
        }
        for language, text in texts.items()
    ]
    return {"id": "1", "name": name, "time": 1_700_000_000_000, "captions": captions}


def written(run: Run, how: str, *entries: dict[str, Any]) -> str:
    return run("formats", f"return m.{how}(arg)", list(entries))


def test_a_spreadsheet_reads_the_csv(run: Run) -> None:
    text = written(run, "toCsv", entry('a, "b".jpg', en='A "dog",\nand a cat', zh="一只狗，跑"))
    assert text.startswith("\ufeff"), "or Excel reads no Chinese"
    rows = list(csv.reader(StringIO(text[1:], newline="")))
    assert rows == [
        ["file", "language", "caption", "probability", "edited"],
        ['a, "b".jpg', "en", 'A "dog",\nand a cat', "0.25", "false"],
        ['a, "b".jpg', "zh", "一只狗，跑", "", "true"],
    ]


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_a_spreadsheet_runs_no_caption_as_a_formula(run: Run, beginning: str) -> None:
    formula = beginning + "1+1"
    text = written(run, "toCsv", entry(f"{formula}.jpg", en=formula))
    (_, row) = csv.reader(StringIO(text[1:], newline=""))
    assert [row[0], row[2]] == [f"'{formula}.jpg", f"'{formula}"]


def test_the_json_has_all_but_the_photo(run: Run) -> None:
    one = entry("狗.jpg", en="A dog.", zh="一只狗。") | {"photo": {}}
    (photo,) = json.loads(written(run, "toJson", one))["photos"]
    assert photo == {
        "name": "狗.jpg",
        "time": "2023-11-14T22:13:20.000Z",
        "captions": one["captions"],
    }


def test_the_json_has_what_words_point_at(run: Run) -> None:
    one = entry("狗.jpg", en="A dog.") | {"photo": {}, "regions": [{"class": "dog"}]}
    one["captions"][0]["slots"] = [{"start": 2, "end": 5, "text": "dog", "region": 0}]
    (photo,) = json.loads(written(run, "toJson", one))["photos"]
    assert (photo["captions"], photo["regions"]) == (one["captions"], one["regions"])


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.words += [data] if data.strip() else []


NASTY = "\"><script>alert(1)</script> & 'x' [y](z) *b* _i_ `c` \\ ![i] &lt;"


def test_the_html_shows_the_photos_with_their_captions(run: Run) -> None:
    entries = [entry("a#b (1)?.jpg", en=NASTY, zh="一只<狗>"), entry("旅行/2.jpg", zh="猫")]
    html = written(run, "toHtml", *entries)
    found = Elements(html)
    assert found.images == [
        {"src": "a%23b%20%281%29%3F.jpg", "alt": NASTY, "lang": "en"},
        {"src": "%E6%97%85%E8%A1%8C/2.jpg", "alt": "猫", "lang": "zh-Hans"},
    ]
    assert found.words == ["Kantu", "一只<狗>"]
    assert '<meta charset="utf-8">' in html


def test_nothing_in_the_markdown_is_markup_but_its_images(run: Run) -> None:
    text = written(run, "toMarkdown", entry("a (1).jpg", en="A [dog]\n\n* \\x", zh="1. # 狗"))
    assert text == "![A \\[dog\\] \\* \\\\x](a%20%281%29.jpg)\n\n1\\. # 狗\n"
    nasty = written(run, "toMarkdown", entry("a.jpg", en=NASTY))
    assert "<script" not in nasty.replace("\\<", "")
    assert "[y](" not in nasty.replace("\\]", "")
