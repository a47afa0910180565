"""Words that point at what they name, and its boxes on the photo: they light up together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import DESKTOP, Patient, on_phone_and_desktop, until
from tests.browser.test_accessible import LOOKS, complaints, looking
from tests.browser.test_captions import MINE, english, text
from tests.browser.test_page import DONE, file
from tests.fakes import POINTING, REGIONS, PointingCaptioner, jpeg

expect = pytest.importorskip("playwright.sync_api").expect

PHOTO = jpeg(640, 480)


class PatientlyPointing(Patient, PointingCaptioner):
    pass


@pytest.fixture
def captioner() -> Iterator[PatientlyPointing]:
    captioner = PatientlyPointing()
    yield captioner
    captioner.may_answer.set()


def describe(page: Any) -> None:
    page.set_input_files("#file", file("a.jpg", PHOTO))
    expect(page.locator(DONE)).to_have_count(1)


def words(page: Any) -> Any:
    return page.locator(".card .word:visible")


def box(page: Any, number: int) -> Any:
    return page.locator(f'.box[data-n="{number}"]')


def expect_lit(page: Any, *numbers: int) -> None:
    """Boxes with these numbers, and all words that have them, and no others."""
    for number in (1, 2):
        is_lit = number in numbers
        label = box(page, number).locator(".name")
        expect(label).to_have_css("opacity", "1" if is_lit else "0")
        for word in page.locator(f'.word[data-n="{number}"]:visible').all():
            clear = word.evaluate("word => getComputedStyle(word).backgroundColor.endsWith('/ 0)')")
            assert clear is not is_lit


@on_phone_and_desktop
def test_a_box_lies_where_the_object_is(page: Any) -> None:
    describe(page)
    expect(page.locator(".box")).to_have_count(2)
    image = page.locator(".frame img").bounding_box()
    left, top, right, bottom = REGIONS[0].box
    edge = box(page, 1).locator(".edge").bounding_box()
    assert edge["x"] == pytest.approx(image["x"] + left * image["width"], abs=3)
    assert edge["y"] == pytest.approx(image["y"] + top * image["height"], abs=3)
    assert edge["width"] == pytest.approx((right - left) * image["width"], abs=5)
    assert edge["height"] == pytest.approx((bottom - top) * image["height"], abs=5)


def test_words_have_numbers_and_say_where_things_are(page: Any) -> None:
    describe(page)
    expect(words(page)).to_have_count(4)
    puppy = page.get_by_role("button", name="puppy (object 1 of 2, left: dog, 93%)", exact=True)
    expect(puppy).to_have_attribute("data-n", "1")
    expect(box(page, 1).locator(".number")).to_have_text("1")
    expect(box(page, 1).locator(".name")).to_have_text("dog 93%")
    assert page.locator(".sentence").first.inner_text().startswith("A puppy")


@pytest.mark.parametrize("page", [DESKTOP], indirect=True)
def test_keyboard_focus_on_a_word_lights_its_box(page: Any) -> None:
    describe(page)
    expect_lit(page)
    page.get_by_role("button", name="Remove a.jpg").focus()
    page.keyboard.press("Tab")
    expect(words(page).nth(0)).to_be_focused()
    expect_lit(page, 1)
    page.keyboard.press("Tab")
    expect_lit(page, 2)
    page.keyboard.press("Tab")
    expect(text(page)).to_be_focused()
    expect_lit(page)
    page.keyboard.press("Shift+Tab")
    expect_lit(page, 2)


@pytest.mark.parametrize("page", [DESKTOP], indirect=True)
def test_the_pointer_lights_both_from_either(page: Any) -> None:
    describe(page)
    words(page).nth(1).hover()
    expect_lit(page, 2)
    box(page, 1).locator(".edge").hover()
    expect_lit(page, 1)
    box(page, 2).locator(".edge").hover()
    expect_lit(page, 2)
    page.mouse.move(0, 0)
    expect_lit(page)


# Of the second label, at the next click. chromium-headless-shell takes its pointer away thereafter,
# where phones leave it.
KEEP_OPACITY = """() => addEventListener("click", () => {
    const label = document.querySelector('.box[data-n="2"] .name');
    window.opacity = getComputedStyle(label).opacity;
})"""


def test_a_finger_lights_both_from_either(page: Any) -> None:
    describe(page)
    words(page).nth(0).tap()
    expect_lit(page, 1)
    page.locator("h3").tap()
    expect_lit(page)
    page.evaluate(KEEP_OPACITY)
    box(page, 2).locator(".edge").tap()
    assert page.evaluate("opacity") == "1"


@on_phone_and_desktop
def test_a_sentence_can_be_edited_where_it_stands(page: Any) -> None:
    describe(page)
    sentence = english(page).locator(".sentence")
    sentence.scroll_into_view_if_needed()
    area = sentence.bounding_box()
    page.mouse.click(area["x"] + 12, area["y"] + area["height"] / 2)
    expect(text(page)).to_be_focused()
    expect(text(page)).to_have_css("opacity", "1")
    expect(sentence).to_have_css("opacity", "0")
    text(page).fill(MINE)
    expect(sentence).to_be_hidden()
    expect(words(page)).to_have_count(2), "those of the other language"
    text(page).fill(POINTING["en"][0])
    text(page).blur()
    expect(sentence).to_have_css("opacity", "1")
    expect(text(page)).to_have_css("opacity", "0")


def test_another_way_to_say_it_points_at_its_own(page: Any) -> None:
    describe(page)
    others = english(page).locator(".others")
    others.locator("summary").click()
    others.get_by_role("button", name=POINTING["en"][1]).click()
    found = english(page).locator(".word")
    expect(found.locator("span:first-child")).to_have_text(["dog", "kite"])
    expect(found.first).to_be_focused()
    expect(page.locator(".box .name")).to_have_text(["dog 93%", "kite 81%", "sports ball 66%"])
    others.get_by_role("button", name=POINTING["en"][0]).click()
    expect(found.locator("span:first-child")).to_have_text(["puppy", "ball"])
    expect(page.locator(".box")).to_have_count(2)


def test_what_was_detected_is_said_below_a_guess_alone(page: Any, captioner: Any) -> None:
    captioner.chances["en"] = 1e-9
    describe(page)
    shown = page.locator(".talk:visible")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("What was detected:")
    found = shown.locator(".word").all()
    assert {word.get_attribute("data-n") for word in found} == {"1", "2", "3"}
    expect(page.locator(".box")).to_have_count(3)
    text(page).fill(MINE)
    expect(shown).to_have_count(0)


def next_day(page: Any) -> None:
    page.reload()
    page.wait_for_selector("html.js")
    page.locator("#kept .open").click()


FORGET = """() => new Promise((resolve) => {
    indexedDB.open("kantu").onsuccess = ({ target: { result: database } }) => {
        const entries = database.transaction("entries", "readwrite").objectStore("entries");
        entries.getAll().onsuccess = ({ target: { result: [entry] } }) => {
            delete entry.regions;
            for (const caption of entry.captions) {
                delete caption.slots;
                delete caption.baby_talk;
                delete caption.confidence;
                for (const other of caption.alternatives) delete other.slots;
            }
            entries.put(entry).onsuccess = resolve;
        };
    };
})"""


def test_earlier_results_point_at_what_they_did(page: Any) -> None:
    describe(page)
    until(page, "document.querySelector('.word')")
    next_day(page)
    expect(words(page)).to_have_count(4)
    expect(page.locator(".box")).to_have_count(2)
    page.evaluate(FORGET)
    next_day(page)
    expect(text(page)).to_have_value(POINTING["en"][0])
    expect(text(page)).to_have_css("opacity", "1")
    expect(words(page)).to_have_count(0)
    expect(page.locator(".box")).to_have_count(0)
    expect(page.locator(".sure")).to_have_text(["", ""])


def test_without_javascript_too(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN", base_url=address)
    page = context.new_page()
    page.goto("/")
    page.set_input_files("#file", file("a.jpg", PHOTO))
    page.click("#submit")
    expect(page.locator(".box .name")).to_have_text(["狗 93%", "球 66%"])
    page.locator(".word").nth(1).focus()
    expect_lit(page, 2)
    page.locator(".word").nth(1).blur()
    # Without JavaScript, Playwright now and then waits for ever for the box to stand still.
    box(page, 1).locator(".edge").hover(force=True)
    expect_lit(page, 1)
    context.close()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look)))
def test_axe_finds_nothing(browser: Any, address: str, captioner: Any, look: Any) -> None:
    captioner.chances["zh"] = 1e-9
    with looking(browser, address, look) as page:
        describe(page)
        assert complaints(page) == []
        words(page).first.focus()
        assert complaints(page) == [], "lit"
