"""Earlier results, in this browser alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import on_phone_and_desktop, until
from tests.browser.test_captions import MINE, describe, text
from tests.fakes import SAID

expect = pytest.importorskip("playwright.sync_api").expect

KEPT = "#kept > li"


def next_day(page: Any) -> None:
    page.reload()
    page.wait_for_selector("html.js")


@on_phone_and_desktop
def test_results_are_there_the_next_day_as_they_were_edited(page: Any) -> None:
    describe(page, "a.jpg")
    text(page).fill(MINE)
    next_day(page)
    kept = page.locator(KEPT)
    expect(kept).to_have_count(1)
    expect(kept).to_contain_text(MINE)
    expect(page.locator("#results")).to_be_hidden()
    kept.locator(".open").click()
    expect(text(page)).to_have_value(MINE)
    expect(page.get_by_role("heading", name="a.jpg")).to_be_focused()
    expect(kept).to_have_count(0)
    text(page).fill("Again.")
    page.get_by_role("button", name="Remove a.jpg").click()
    expect(kept).to_contain_text("Again.")


TYPE = """(area) => {
    const { put } = IDBObjectStore.prototype;
    window.written = [];
    IDBObjectStore.prototype.put = function (entry) {
        written.push(entry.captions[0].text);
        return put.call(this, entry);
    };
    area.value = "";
    for (const letter of "Typed.") {
        area.value += letter;
        area.dispatchEvent(new Event("input"));
    }
}"""


def test_it_is_written_down_when_typing_pauses(page: Any) -> None:
    describe(page, "a.jpg")
    text(page).evaluate(TYPE)
    until(page, "written.length")
    assert page.evaluate("written") == ["Typed."], "not at every letter"
    next_day(page)
    expect(page.locator(KEPT)).to_contain_text("Typed.")


def test_the_last_edit_is_not_lost_when_the_page_is_left(page: Any) -> None:
    describe(page, "a.jpg")
    with page.expect_navigation():
        text(page).evaluate("""(area) => {
            area.value = "Typed.";
            area.dispatchEvent(new Event("input"));
            location.reload();
        }""")
    expect(page.locator(KEPT)).to_contain_text("Typed.")


def test_what_is_deleted_is_not_written_down_again(page: Any) -> None:
    describe(page, "b.jpg")
    next_day(page)
    describe(page, "a.jpg")
    text(page).fill(MINE)
    page.get_by_role("button", name="Delete all").click()
    expect(page.locator(KEPT)).to_have_count(0)
    page.wait_for_timeout(1000)
    next_day(page)
    expect(page.locator("#delete-all")).to_be_hidden()
    expect(page.locator(KEPT)).to_have_count(0)


NOT_KEPT = "The results could not be kept in this browser"


def test_who_has_no_room_for_results_is_told_once(page: Any) -> None:
    expect(page.locator("#not-kept")).to_be_empty()
    page.evaluate("""() => {
        window.told = 0;
        new MutationObserver(() => told++)
            .observe(document.getElementById("not-kept"), { childList: true });
    }""")
    devtools = page.context.new_cdp_session(page)
    quota = {"origin": page.evaluate("location.origin"), "quotaSize": 1}
    devtools.send("Storage.overrideQuotaForOrigin", quota)
    describe(page, "a.jpg", "b.jpg")
    expect(page.get_by_role("alert").filter(has_text=NOT_KEPT)).to_be_visible()
    text(page).fill(MINE)
    page.get_by_role("button", name="Remove b.jpg").click()
    assert page.evaluate("told") == 1
    next_day(page)
    expect(page.locator(KEPT)).to_have_count(0)


def test_who_keeps_nothing_need_not_be_told(page: Any) -> None:
    page.get_by_role("switch", name="Keep results in this browser").uncheck()
    page.evaluate("() => { IDBObjectStore.prototype.put = null; }")
    describe(page, "a.jpg")
    text(page).fill(MINE)
    page.get_by_role("button", name="Remove a.jpg").click()
    expect(page.locator("#not-kept")).to_be_empty()


@pytest.mark.parametrize(
    ("lang", "shown"), [("en", "14 Nov 2023 12:05"), ("zh", "2023年11月14日 12:05")]
)
def test_dates_are_as_the_reader_writes_them(page: Any, lang: str, shown: str) -> None:
    """Who reads British English: in Chinese there is but the page's own way."""
    keep_some(page, 1)
    page.goto(f"/?lang={lang}")
    expect(page.locator("#kept time")).to_have_text(shown)


@on_phone_and_desktop
def test_each_can_be_deleted_and_all_at_once(page: Any) -> None:
    describe(page, "a.jpg", "b.jpg", "c.jpg")
    next_day(page)
    expect(page.locator(KEPT)).to_have_count(3)
    page.get_by_role("button", name="Delete b.jpg").click()
    expect(page.locator(KEPT)).to_have_count(2)
    expect(page.get_by_role("heading", name="Earlier results")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Deleted")
    next_day(page)
    expect(page.locator(KEPT)).to_have_count(2)
    page.get_by_role("button", name="Delete all").click()
    expect(page.locator(KEPT)).to_have_count(0)
    expect(page.get_by_role("button", name="Delete all")).to_be_hidden()
    next_day(page)
    expect(page.locator(KEPT)).to_have_count(0)


def test_whoever_does_not_want_it_keeps_nothing(page: Any) -> None:
    page.get_by_role("switch", name="Keep results in this browser").uncheck()
    describe(page, "a.jpg")
    next_day(page)
    expect(page.get_by_role("switch")).not_to_be_checked()
    expect(page.locator(KEPT)).to_have_count(0)


def keep_some(page: Any, number: int) -> None:
    """Results of the 14th of November 2023, a few minutes past twelve."""
    page.evaluate(
        """async ([text, number]) => {
            const { save } = await import("/static/js/history.js");
            const captions = [{ language: "en", text, probability: 0.1, alternatives: [] }];
            for (let n = 0; n < number; n++) {
                const time = new Date(2023, 10, 14, 12, 5, n).getTime();
                await save({ id: String(n), name: `${n}.jpg`, time, photo: new Blob(), captions });
            }
        }""",
        [SAID["en"][0], number],
    )


def test_many_are_shown_a_few_at_a_time(page: Any) -> None:
    keep_some(page, 14)
    next_day(page)
    expect(page.locator(KEPT)).to_have_count(12)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(KEPT)).to_have_count(14)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
