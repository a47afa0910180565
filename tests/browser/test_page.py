"""What a person meets: with and without JavaScript, on a phone, in both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Patient
from tests.fakes import SAID, noise

expect = pytest.importorskip("playwright.sync_api").expect

DESCRIBE = "#submit"


def describe(page: Any, photo: Path) -> None:
    page.set_input_files("#file", photo)
    page.click(DESCRIBE)


def test_a_photo_gets_captions_in_both_languages(page: Any, photo: Path) -> None:
    describe(page, photo)
    expect(page.locator(".caption-text")).to_have_count(2)
    english, chinese = page.locator(".caption-text").all()
    expect(english).to_have_text(SAID["en"][0])
    expect(english).to_have_attribute("lang", "en")
    expect(chinese).to_have_text(SAID["zh"][0])
    expect(chinese).to_have_attribute("lang", "zh-Hans")
    others = page.locator(".caption").first.locator("li")
    expect(others).to_have_count(2)
    expect(others.first).to_contain_text(SAID["en"][1])
    expect(others.first.locator(".chance")).to_contain_text("0.5%")
    expect(page.locator("#preview")).to_have_attribute("alt", SAID["en"][0])
    expect(page.locator("#result")).to_be_in_viewport()


def test_the_chosen_language_alone(page: Any, photo: Path) -> None:
    page.get_by_label("Chinese", exact=True).check()
    describe(page, photo)
    expect(page.locator(".caption-text")).to_have_text([SAID["zh"][0]])


def test_it_works_without_javascript(browser: Any, address: str, photo: Path) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN", base_url=address)
    page = context.new_page()
    page.goto("/")
    expect(page.locator("#file")).to_be_visible()
    describe(page, photo)
    expect(page.locator(".caption-text")).to_have_text([SAID["en"][0], SAID["zh"][0]])
    assert page.locator("#preview").evaluate("image => image.naturalWidth") == 300
    expect(page.locator(".copy").first).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    context.close()


def test_a_chosen_photo_is_shown_and_can_be_removed(page: Any, photo: Path) -> None:
    page.set_input_files("#file", photo)
    expect(page.locator("#preview")).to_be_visible()
    page.get_by_role("button", name="Remove the photo").click()
    expect(page.locator("#preview")).to_be_hidden()
    page.click(DESCRIBE)
    expect(page.get_by_role("alert")).to_have_text("Choose a JPEG photo first.")


def test_another_photo_takes_away_the_captions_of_the_first(page: Any, photo: Path) -> None:
    describe(page, photo)
    expect(page.locator("#result")).to_be_visible()
    page.set_input_files("#file", photo.rename(photo.with_name("other.jpg")))
    expect(page.locator("#result")).to_be_hidden()


def test_what_the_server_refuses_is_told_in_place(page: Any, tmp_path: Path) -> None:
    (tmp_path / "no.jpg").write_bytes(b"GIF89a")
    describe(page, tmp_path / "no.jpg")
    expect(page.get_by_role("alert")).to_contain_text("This file is GIF, not JPEG.")
    expect(page.locator("#file")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#result")).to_be_hidden()
    expect(page.locator(DESCRIBE)).to_be_visible()


def test_a_photo_too_large_is_not_sent(page: Any, tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(noise(500, 500))
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    describe(page, tmp_path / "large.jpg")
    expect(page.get_by_role("alert")).to_contain_text("This photo is larger than 0.095 MB.")
    assert not [url for url in sent if "/api/" in url]


def test_a_server_out_of_reach_is_told_in_place(page: Any, photo: Path) -> None:
    page.route("**/api/**", lambda route: route.abort())
    describe(page, photo)
    expect(page.get_by_role("alert")).to_contain_text("The server could not be reached.")


def test_while_it_looks_it_says_so_and_asks_only_once(
    page: Any, photo: Path, captioner: Patient
) -> None:
    captioner.may_answer.clear()
    describe(page, photo)
    expect(page.get_by_role("status")).to_have_text("Looking at the photo…")
    expect(page.locator(DESCRIBE)).to_be_hidden()
    page.evaluate("document.getElementById('form').requestSubmit()")
    captioner.may_answer.set()
    expect(page.locator("#result")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("")
    assert len(captioner.seen) == 1


def test_it_can_be_cancelled(page: Any, photo: Path, captioner: Patient) -> None:
    captioner.may_answer.clear()
    describe(page, photo)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(DESCRIBE)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text("")
    captioner.may_answer.set()
    page.click(DESCRIBE)
    expect(page.locator("#result")).to_be_visible()


TAKE = """([event, kind]) => {
    const canvas = new OffscreenCanvas(120, 80);
    canvas.getContext("2d").fillRect(0, 0, 50, 50);
    return canvas.convertToBlob({ type: kind }).then((blob) => {
        const data = new DataTransfer();
        data.items.add(new File([blob], "picture", { type: kind }));
        const options = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(event === "paste"
            ? new ClipboardEvent("paste", { ...options, clipboardData: data })
            : new DragEvent("drop", { ...options, dataTransfer: data }));
    });
}"""


@pytest.mark.parametrize("event", ["paste", "drop"])
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_a_picture_can_be_pasted_or_dropped(
    page: Any, captioner: Patient, event: str, kind: str
) -> None:
    page.evaluate(TAKE, [event, kind])
    expect(page.locator("#preview")).to_be_visible()
    page.click(DESCRIBE)
    expect(page.locator("#result")).to_be_visible()
    assert captioner.seen == [(80, 120, 3)]


def test_a_caption_can_be_copied(page: Any, photo: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    describe(page, photo)
    for row, text in ((".caption", SAID["zh"][0]), (".caption li", SAID["zh"][2])):
        button = page.locator(row).last.get_by_role("button").first
        button.click()
        expect(button).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text
        expect(button).to_have_text("Copy")


def test_everything_can_be_reached_by_keyboard(page: Any, photo: Path) -> None:
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert reached[3:] == ["file", "language", "submit"]
    page.set_input_files("#file", photo)
    page.focus("[name=language]:checked")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".caption-text")).to_have_text([SAID["en"][0]])


def test_the_language_can_be_switched(page: Any) -> None:
    page.get_by_role("link", name="中文").click()
    expect(page.locator("h1")).to_have_text("照片里有什么？")
    page.click(DESCRIBE)
    expect(page.get_by_role("alert")).to_have_text("请先选择一张 JPEG 照片。")
    page.goto("/")
    expect(page.locator("h1")).to_have_text("照片里有什么？")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("What is in the picture?")


LONG = {"en": "A brown dog with a red ball runs ", "zh": "一只棕色的狗叼着红色的球奔跑"}


@pytest.mark.parametrize(
    ("width", "scheme", "lang"),
    [
        (320, "light", "en"),
        (360, "dark", "zh"),
        (360, "dark", "en"),
        (768, "light", "zh"),
        (1280, "dark", "en"),
    ],
)
def test_nothing_overflows_whatever_the_caption_is(
    browser: Any,
    address: str,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    scheme: str,
    lang: str,
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 740}, color_scheme=scheme, base_url=address
    )
    page = context.new_page()
    page.goto(f"/?lang={lang}")
    for length in (1, 3, 9):
        english = [LONG["en"] * length, "Pneumonoultramicroscopic" * length, "Dog."]
        monkeypatch.setitem(SAID, "en", english)
        monkeypatch.setitem(SAID, "zh", [LONG["zh"] * length] * 3)
        describe(page, photo)
        expect(page.locator(".caption-text").last).to_have_text(LONG["zh"] * length)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click("#remove")
    page.click(DESCRIBE)
    expect(page.get_by_role("alert")).not_to_be_empty()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()


def test_it_is_dark_where_the_system_is(browser: Any, address: str) -> None:
    def brightness(scheme: str) -> int:
        context = browser.new_context(color_scheme=scheme, base_url=address)
        page = context.new_page()
        page.goto("/")
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        context.close()
        return int(colour.removeprefix("rgb(").split(",")[0])

    assert brightness("dark") < 50 < 200 < brightness("light")
