"""That people who see badly, or differently, can use every state of the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.browser.conftest import Patient
from tests.browser.test_page import DONE, file
from tests.fakes import SAID

expect = pytest.importorskip("playwright.sync_api").expect
Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = [
    ("en-GB", "light", 360),
    ("zh-CN", "light", 1280),
    ("en-GB", "dark", 1280),
    ("zh-CN", "dark", 360),
]


def complaints(page: Any) -> list[str]:
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    return [
        f"{one['id']}: {node['html']} {node['failureSummary']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


@pytest.fixture(params=LOOKS, ids=lambda look: "-".join(map(str, look)))
def look(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    with looking(browser, address, request.param) as page:
        yield page


@contextmanager
def looking(browser: Any, address: str, look: tuple[str, str, int]) -> Iterator[Any]:
    """The page as it looks in a language, in the light or the dark, on a screen of some width."""
    locale, scheme, width = look
    context = browser.new_context(
        base_url=address,
        locale=locale,
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": width, "height": 800},
        service_workers="block",
        # Axe comes in from outside, which the page's own policy forbids.
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto("/")
    page.wait_for_selector("html.js")
    yield page
    context.close()


def test_axe_finds_nothing_in_any_state(look: Any, captioner: Patient) -> None:
    assert complaints(look) == [], "empty"
    captioner.may_answer.clear()
    names = ("a.jpg", "b.jpg", "c.jpg")
    look.set_input_files("#file", [file(name) for name in names] + [file("no.jpg", b"GIF89a")])
    expect(look.locator("[data-state=looking]")).to_have_count(2)
    assert complaints(look) == [], "at work"
    captioner.may_answer.set()
    expect(look.locator(DONE)).to_have_count(3)
    expect(look.locator("[data-state=failed]")).to_have_count(1)
    look.locator(".others > summary").first.click()
    look.locator(".caption-text").last.fill("红")
    look.locator("#downloads > summary").click()
    assert complaints(look) == [], "done, with all that opens open"
    look.reload()
    expect(look.locator("#kept > li")).to_have_count(3)
    assert complaints(look) == [], "the next day"
    look.route("**/api/**", lambda route: route.fulfill(status=401))
    look.set_input_files("#file", [file("a.jpg"), file("b.jpg")])
    expect(look.locator("#retry-all")).to_be_visible()
    assert complaints(look) == [], "signed out"
    look.goto("/nothing")
    assert complaints(look) == [], "lost"


LONG = {"en": "A brown dog with a red ball runs ", "zh": "一只棕色的狗叼着红色的球奔跑"}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_overflows_whatever_the_caption_is(
    browser: Any, address: str, monkeypatch: pytest.MonkeyPatch, width: int, lang: str
) -> None:
    """320 pixels are what a screen of 1280 has left when it is magnified to 400 %."""
    english = [LONG["en"] * 9, "Pneumonoultramicroscopic" * 9, "Dog."]
    monkeypatch.setitem(SAID, "en", english)
    monkeypatch.setitem(SAID, "zh", [LONG["zh"] * 9] * 3)
    context = browser.new_context(
        viewport={"width": width, "height": 740}, base_url=address, service_workers="block"
    )
    page = context.new_page()
    page.goto(f"/?lang={lang}")
    page.wait_for_selector("html.js")
    page.set_input_files("#file", [file("long" * 40 + ".jpg"), file("no.jpg", b"GIF89a")])
    expect(page.locator(".caption-text").last).to_have_value(LONG["zh"] * 9)
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("#downloads ul").bounding_box()["x"] >= 0, "no one can scroll to the left"
    for text in page.locator(".caption-text").all():
        assert text.evaluate("area => area.scrollHeight <= area.clientHeight"), "all is seen"
    context.close()


def test_nothing_moves_where_that_disturbs(browser: Any, address: str) -> None:
    def moving(motion: str) -> str:
        context = browser.new_context(
            reduced_motion=motion, base_url=address, service_workers="block"
        )
        page = context.new_page()
        page.goto("/")
        page.wait_for_selector("html.js")
        page.route("**/api/**", lambda route: route.fulfill(status=500, json={}))
        page.set_input_files("#file", file("a.jpg"))
        found = page.evaluate("""() => {
            const bar = document.querySelector(".card progress");
            bar.hidden = false;
            bar.removeAttribute("value");
            return getComputedStyle(bar).animationName;
        }""")
        context.close()
        return found

    assert (moving("no-preference"), moving("reduce")) == ("look", "none")


def test_it_is_dark_where_the_system_is(browser: Any, address: str) -> None:
    def brightness(scheme: str) -> int:
        context = browser.new_context(color_scheme=scheme, base_url=address)
        page = context.new_page()
        page.goto("/")
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        context.close()
        return int(colour.removeprefix("rgb(").split(",")[0])

    assert brightness("dark") < 50 < 200 < brightness("light")


def test_all_that_the_page_loads_is_light() -> None:
    """In bytes, as they lie on the disk."""
    from app.config import ROOT

    files = [path for path in (ROOT / "static").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 140_000
