"""What the browser offers beside the work may fail, or never answer: photos are captioned."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import hurry
from tests.browser.test_earlier import KEPT, NOT_KEPT, next_day
from tests.browser.test_page import DONE, file

expect = pytest.importorskip("playwright.sync_api").expect

NEVER = "() => new Promise(() => {})"
THROW = "() => { throw new DOMException('', 'SecurityError'); }"
HUNG_HISTORY = "IDBFactory.prototype.open = () => ({});"
HUNG_WRITING = "Object.defineProperty(IDBTransaction.prototype, 'oncomplete', { set() {} });"


def without(name: str, of: str = "window") -> str:
    return f"Object.defineProperty({of}, '{name}', {{ get: {THROW} }});"


def with_voices(voices: str) -> str:
    return f"SpeechSynthesis.prototype.getVoices = {voices};"


BROKEN = {
    "opening the history hangs": HUNG_HISTORY,
    "writing it hangs": HUNG_WRITING,
    "opening it is forbidden": f"IDBFactory.prototype.open = {THROW};",
    "so is asking for it": without("indexedDB"),
    "no localStorage": without("localStorage"),
    "something else in it": "localStorage.setItem('language', '\"]');",
    "caches hang": f"CacheStorage.prototype.has = CacheStorage.prototype.open = {NEVER};",
    "no caches": without("caches"),
    "the service worker hangs": f"ServiceWorkerContainer.prototype.register = {NEVER};",
    "it is forbidden": f"ServiceWorkerContainer.prototype.register = {THROW};",
    "asking for voices fails": with_voices(THROW),
    "a voice without a language": with_voices("() => [{ localService: true }]"),
    "voices that say nothing of changes": "SpeechSynthesis.prototype.addEventListener = undefined;",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_no_photo_waits_for_what_it_does_not_need(page: Any, broken: str) -> None:
    page.add_init_script(broken)
    next_day(page)
    page.set_input_files("#file", [file(f"{n}.jpg") for n in range(5)])
    expect(page.locator(DONE)).to_have_count(5)
    expect(page.locator("#count")).to_have_text("5 of 5 photos described")


@pytest.mark.parametrize("broken", [HUNG_HISTORY, HUNG_WRITING], ids=["opening", "writing"])
def test_who_keeps_results_in_vain_is_told(page: Any, broken: str) -> None:
    page.add_init_script(broken)
    next_day(page)
    hurry(page)
    page.set_input_files("#file", file("a.jpg"))
    expect(page.get_by_role("alert").filter(has_text=NOT_KEPT)).to_be_visible()


def test_what_another_page_kept_since_is_not_deleted_unseen(page: Any) -> None:
    page.set_input_files("#file", file("seen.jpg"))
    expect(page.locator(DONE)).to_have_count(1)
    next_day(page)
    page.set_input_files("#file", file("open.jpg"))
    expect(page.locator(DONE)).to_have_count(1)
    other = page.context.new_page()
    other.goto("/")
    expect(other.locator(KEPT)).to_have_count(2)
    other.set_input_files("#file", file("new.jpg"))
    expect(other.locator(DONE)).to_have_count(1)
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_role("status")).to_have_text("Deleted")
    expect(page.get_by_role("button", name="Delete new.jpg")).to_be_visible()
    next_day(page)
    expect(page.locator(KEPT)).to_have_count(1)
    page.get_by_role("button", name="Delete all").click()
    expect(page.locator(KEPT)).to_have_count(0)
