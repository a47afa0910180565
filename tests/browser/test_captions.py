"""What a person does with captions: edit, choose another, copy, hear and download them."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.IptcImagePlugin import getiptcinfo
from pytest import approx

from tests.browser.conftest import on_phone_and_desktop
from tests.browser.modules.corpus import rdf, with_segments, xmp
from tests.browser.test_page import DONE, file
from tests.fakes import SAID, jpeg

expect = pytest.importorskip("playwright.sync_api").expect

MINE = "My own red square, “quoted”."


def describe(page: Any, *names: str) -> None:
    page.set_input_files("#file", [file(name) for name in names])
    expect(page.locator(DONE)).to_have_count(len(names))


def english(page: Any) -> Any:
    return page.get_by_role("group", name="English").first


def text(page: Any) -> Any:
    return english(page).get_by_role("textbox", name="English caption of a.jpg")


@on_phone_and_desktop
def test_a_caption_can_be_edited_in_place(page: Any) -> None:
    describe(page, "a.jpg")
    text(page).fill(MINE * 9)
    expect(english(page).locator(".sure")).to_have_text("Edited by you")
    expect(page.locator(".frame img")).to_have_attribute("alt", MINE * 9)
    assert text(page).evaluate("area => area.scrollHeight <= area.clientHeight"), "all is seen"


@on_phone_and_desktop
def test_another_way_to_say_it_takes_the_captions_place(page: Any) -> None:
    describe(page, "a.jpg")
    others = english(page).locator(".others")
    others.locator("summary").click()
    expect(others.locator(".chance")).to_have_text(["1.5%", "0.15%"])
    others.get_by_role("button", name=SAID["en"][2]).click()
    expect(text(page)).to_have_value(SAID["en"][2])
    expect(english(page).locator(".sure")).to_have_text("A guess")
    expect(others.locator(".other-text")).to_have_text([SAID["en"][1], SAID["en"][0]])


@on_phone_and_desktop
def test_beside_a_guess_stands_what_the_photo_may_show(page: Any) -> None:
    describe(page, "a.jpg")
    shown = page.locator(".perhaps:visible")
    expect(shown).to_have_count(0)
    english(page).locator(".others summary").click()
    english(page).get_by_role("button", name=SAID["en"][1]).click()
    expect(shown).to_have_text("The photo may show: circle, paper")
    text(page).fill(MINE)
    expect(shown).to_have_count(0)


def test_neither_the_models_words_nor_ones_own_are_lost(page: Any) -> None:
    describe(page, "a.jpg")
    text(page).fill(MINE)
    others = english(page).locator(".others")
    others.locator("summary").click()
    others.get_by_role("button", name=SAID["en"][0]).click()
    expect(text(page)).to_have_value(SAID["en"][0])
    expect(english(page).locator(".sure")).to_have_text("Quite sure")
    others.get_by_role("button", name=MINE).click()
    expect(text(page)).to_have_value(MINE)
    expect(english(page).locator(".sure")).to_have_text("Edited by you")


def test_who_types_the_models_own_words_has_the_models_caption(page: Any) -> None:
    describe(page, "a.jpg")
    sure, others = english(page).locator(".sure"), english(page).locator(".other-text")
    own, second, third = SAID["en"][:3]
    text(page).fill(MINE)
    expect(sure).not_to_have_attribute("data-step", "sure")
    text(page).fill(own)
    expect(sure).to_have_text("Quite sure")
    expect(others).to_have_text([second, third])
    text(page).fill(MINE)
    text(page).fill(third)
    expect(sure).to_have_text("A guess")
    expect(others).to_have_text([own, second])


def clipboard(page: Any) -> str:
    return page.evaluate("navigator.clipboard.readText()")


@on_phone_and_desktop
def test_one_caption_or_all_can_be_copied(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    describe(page, "a.jpg", "b.jpg")
    text(page).fill(MINE)
    button = english(page).locator(".copy")
    button.click()
    expect(button).to_have_text("Copied")
    assert clipboard(page) == MINE
    expect(button).to_have_text("Copy")
    page.get_by_role("button", name="Copy all").click()
    expect(page.locator("#copy-all")).to_have_text("Copied")
    chinese = SAID["zh"][0]
    assert clipboard(page) == f"a.jpg\n{MINE}\n{chinese}\n\nb.jpg\n{SAID['en'][0]}\n{chinese}"


def test_it_copies_without_https_too(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    describe(page, "a.jpg")
    page.evaluate("""() => {
        const read = navigator.clipboard.readText.bind(navigator.clipboard);
        window.pasted = () => read();
        Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true });
    }""")
    english(page).locator(".copy").click()
    expect(english(page).locator(".copy")).to_be_focused()
    assert page.evaluate("pasted()") == SAID["en"][0]


def download(page: Any, name: str) -> Path:
    page.locator("#downloads > summary").click()
    with page.expect_download() as caught:
        page.get_by_role("button", name=name).click()
    expect(page.locator("#downloads > summary")).to_be_focused()
    folder = Path(caught.value.path()).parent
    path = folder / caught.value.suggested_filename
    caught.value.save_as(path)
    return path


@on_phone_and_desktop
def test_captions_can_be_downloaded_as_text(page: Any) -> None:
    describe(page, "a.jpg", "b.jpg")
    text(page).fill(MINE)
    table = download(page, "Table (CSV)")
    assert table.name == "kantu.csv"
    rows = list(csv.DictReader(StringIO(table.read_text(encoding="utf-8-sig"))))
    assert [(row["file"], row["language"], row["caption"]) for row in rows] == [
        ("a.jpg", "en", MINE),
        ("a.jpg", "zh", SAID["zh"][0]),
        ("b.jpg", "en", SAID["en"][0]),
        ("b.jpg", "zh", SAID["zh"][0]),
    ]
    assert [row["probability"] == "" for row in rows] == [True, False, False, False]
    photos = json.loads(download(page, "JSON").read_text(encoding="utf-8"))["photos"]
    first, second = (photo["captions"][0] for photo in photos)
    assert (first["text"], first["edited"], first["probability"]) == (MINE, True, None)
    assert first["alternatives"][0]["text"] == second["text"] == SAID["en"][0]
    assert first["alternatives"][0]["probability"] == second["probability"] == approx(0.15)
    assert f'alt="{SAID["en"][0]}"' in download(page, "Web page (HTML)").read_text("utf-8")
    assert f"![{SAID['en'][0]}](b.jpg)" in download(page, "Markdown").read_text("utf-8")


@on_phone_and_desktop
def test_photos_can_be_downloaded_with_their_captions_inside(page: Any) -> None:
    describe(page, "a.jpg")
    text(page).fill(MINE)
    alone = download(page, "Photos with captions inside")
    assert alone.name == "a.jpg"
    assert alone.read_bytes().startswith(b"\xff\xd8") and MINE.encode() in alone.read_bytes()
    page.set_input_files("#file", [file("b.jpg")])
    expect(page.locator(DONE)).to_have_count(2)
    with zipfile.ZipFile(download(page, "Photos with captions inside")) as archive:
        assert archive.namelist() == ["b.jpg", "a.jpg"]
        assert SAID["zh"][0].encode() in archive.read("b.jpg")


def test_the_first_caption_of_what_is_downloaded_is_that_in_the_pages_language(page: Any) -> None:
    page.goto("/?lang=zh")
    page.wait_for_selector("html.js")
    describe(page, "a.jpg")
    own, other = SAID["zh"][0], SAID["en"][0]
    html = download(page, "网页（HTML）").read_text("utf-8")
    assert f'alt="{own}" lang="zh-Hans"' in html and f'<p lang="en">{other}</p>' in html
    assert download(page, "Markdown").read_text("utf-8") == f"![{own}](a.jpg)\n\n{other}\n"
    photo = download(page, "写入描述的照片")
    (default, *_) = re.findall('xml:lang="x-default">(.*?)<', photo.read_text("utf-8", "ignore"))
    assert default == own
    with Image.open(photo) as image:
        assert getiptcinfo(image)[2, 120] == own.encode()
    rows = list(csv.DictReader(StringIO(download(page, "表格（CSV）").read_text("utf-8-sig"))))
    assert [row["language"] for row in rows] == ["en", "zh"], "programs find them where they were"


def test_a_picture_of_another_kind_is_downloaded_as_jpeg(page: Any) -> None:
    page.evaluate("""async () => {
        const canvas = new OffscreenCanvas(40, 30);
        canvas.getContext("2d").fillRect(0, 0, 9, 9);
        const data = new DataTransfer();
        const blob = await canvas.convertToBlob();
        data.items.add(new File([blob], "drawing.png", { type: blob.type }));
        document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: data }));
    }""")
    expect(page.locator(DONE)).to_have_count(1)
    path = download(page, "Photos with captions inside")
    assert path.name == "drawing.jpg" and path.read_bytes().startswith(b"\xff\xd8")
    expect(page.locator("#error")).to_have_text(f"{SMALL}drawing.png")


SMALL = "These photos are small JPEG copies, without the other data that their files have: "
LEFT = (
    "Some programs will not find the captions in these photos: data in them could not be read and "
    "was left as it was: "
)


def choose(page: Any, **photos: bytes) -> None:
    named = [{**file(f"{name}.jpg"), "buffer": photo} for name, photo in photos.items()]
    page.set_input_files("#file", named)
    expect(page.locator(DONE)).to_have_count(len(named))


FULL = with_segments(jpeg(300, 200), xmp(rdf("Berlin" * 10_800)))
ODD = with_segments(jpeg(300, 200), xmp("<a>nothing that anyone reads</a>"))


def test_who_gets_a_small_copy_hears_of_it(page: Any) -> None:
    choose(page, a=FULL)
    path = download(page, "Photos with captions inside")
    assert path.name == "a (small).jpg" and b"Berlin" not in path.read_bytes()
    expect(page.locator("#error")).to_have_text(f"{SMALL}a.jpg")


def test_of_an_earlier_result_there_is_but_a_small_copy(page: Any) -> None:
    choose(page, a=jpeg(300, 200))
    page.reload()
    page.locator("#kept .open").click()
    assert download(page, "Photos with captions inside").name == "a (small).jpg"
    expect(page.locator("#error")).to_have_text(f"{SMALL}a.jpg")


def test_who_gets_less_in_a_zip_hears_which_photos_and_why(page: Any) -> None:
    page.goto("/?lang=zh")
    page.wait_for_selector("html.js")
    choose(page, a=FULL, b=ODD, c=jpeg(300, 200))
    with zipfile.ZipFile(download(page, "写入描述的照片")) as archive:
        assert sorted(archive.namelist()) == ["a (small).jpg", "b.jpg", "c.jpg"]
        assert b"<a>nothing that anyone reads</a>" in archive.read("b.jpg")
    small, left = page.locator("#error").inner_text().split("\n")
    assert small.endswith("副本，不含原文件里的其他信息：a.jpg")
    assert left.endswith("所以有些软件里看不到描述：b.jpg")


def test_nothing_is_said_where_all_is_as_it_should_be(page: Any) -> None:
    choose(page, a=FULL, b=ODD)
    download(page, "Photos with captions inside")
    expect(page.locator("#error")).to_contain_text(f"{LEFT}b.jpg")
    for name in ("a.jpg", "b.jpg"):
        page.get_by_role("button", name=f"Remove {name}").click()
    choose(page, c=jpeg(300, 200))
    download(page, "Photos with captions inside")
    expect(page.locator("#error")).to_have_text("")


def test_the_menu_of_downloads_closes_by_escape_and_from_outside(page: Any) -> None:
    describe(page, "a.jpg")
    menu = page.get_by_role("button", name="Markdown")
    page.locator("#downloads > summary").click()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(page.locator("#downloads > summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.locator("#results-title").click()
    expect(menu).to_be_hidden()


# Chromium has no voices where there is no sound.
VOICES = """
    class Speech extends EventTarget {
        voices = [];
        spoken = [];
        listeners = 0;
        addEventListener(...all) { this.listeners++; super.addEventListener(...all); }
        getVoices() { return this.voices; }
        speak({ text, lang }) { this.spoken.push([text, lang]); }
        cancel() {}
    }
    Object.defineProperty(window, "speechSynthesis", { value: new Speech() });
    window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
"""


def test_a_caption_is_read_aloud_where_there_is_a_voice(page: Any) -> None:
    page.add_init_script(VOICES)
    page.reload()
    page.wait_for_selector("html.js")
    describe(page, "a.jpg", "b.jpg")
    page.get_by_role("button", name="Remove b.jpg").click()
    buttons = page.get_by_role("button", name="Read aloud")
    expect(buttons).to_have_count(0)
    page.evaluate("""() => {
        speechSynthesis.voices = [{ lang: "zh-CN", localService: true }];
        speechSynthesis.dispatchEvent(new Event("voiceschanged"));
    }""")
    expect(buttons).to_have_count(1)
    buttons.click()
    page.get_by_role("button", name="Stop reading").click()
    expect(buttons).to_have_count(1)
    assert page.evaluate("speechSynthesis.spoken") == [[SAID["zh"][0], "zh-CN"]]
    assert page.evaluate("speechSynthesis.listeners") == 1, "one for all captions"
