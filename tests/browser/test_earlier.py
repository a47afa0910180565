"""Earlier results, in this browser alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import on_phone_and_desktop
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


def test_many_are_shown_a_few_at_a_time(page: Any) -> None:
    page.evaluate(
        """async (text) => {
            const { save } = await import("/static/js/history.js");
            const captions = [{ language: "en", text, probability: 0.1, alternatives: [] }];
            for (let n = 0; n < 14; n++) {
                const photo = new Blob();
                await save({ id: String(n), name: `${n}.jpg`, time: n, photo, captions });
            }
        }""",
        SAID["en"][0],
    )
    next_day(page)
    expect(page.locator(KEPT)).to_have_count(12)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(KEPT)).to_have_count(14)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
