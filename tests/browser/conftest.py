"""A browser, and the page served beside it by a captioner without weights."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from werkzeug.serving import BaseWSGIServer

from app.captioning.captioner import Encoding
from tests.fakes import FakeCaptioner, fake_app
from tests.server import address_of, threaded

# The first has no window to open, and needs a third of the processor's time for a page.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]


class Patient(FakeCaptioner):
    """Looks at a photo for as long as a test wants to see it looking."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = Event()
        self.may_answer.set()

    def encode(self, photo: np.ndarray) -> Encoding:
        assert self.may_answer.wait(30)
        return super().encode(photo)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.fail("there is no chromium: script/test installs it")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def captioner() -> Iterator[Patient]:
    captioner = Patient()
    yield captioner
    captioner.may_answer.set()


@pytest.fixture(scope="session")
def page_server() -> Iterator[BaseWSGIServer]:
    with threaded(fake_app(log=False)) as server:
        yield server


@pytest.fixture
def address(page_server: BaseWSGIServer, captioner: Patient) -> str:
    """Where an application of the test's own answers: it knows nothing of a request that another
    test left behind."""
    page_server.app = fake_app(captioner, max_bytes=100_000, log=False)
    return address_of(page_server)


# Photos are made small only when a test calls held[0]() and the next, which end when that is done.
HOLD_SHRINKING = """() => {
    const { toBlob } = HTMLCanvasElement.prototype;
    window.held = [];
    HTMLCanvasElement.prototype.toBlob = function (done, ...how) {
        const draw = (over) => toBlob.call(this, (blob) => over(done(blob)), ...how);
        held.push(() => new Promise(draw));
    };
}"""


# All pauses of more than a moment that scripts of the page make from now on.
SHORTEN = """(ends) => {
    const { setTimeout } = window;
    window.setTimeout = (act, pause, ...more) => {
        if (!(pause > 500)) return setTimeout(act, pause, ...more);
        return ends ? setTimeout(act, pause / 50, ...more) : 0;
    };
}"""


def hurry(page: Any) -> None:
    """The page's pauses end soon."""
    page.evaluate(SHORTEN, True)


def hold_pauses(page: Any) -> None:
    """The page's pauses do not end by themselves."""
    page.evaluate(SHORTEN, False)


def until(page: Any, condition: str) -> None:
    """Not page.wait_for_function, which evaluates text: the page's policy forbids that."""
    page.evaluate(f"""async () => {{
        while (!({condition})) await new Promise((resolve) => setTimeout(resolve, 20));
    }}""")


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}

on_phone_and_desktop = pytest.mark.parametrize(
    "page", [PHONE, DESKTOP], indirect=True, ids=["phone", "desktop"]
)


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    """The page in English, on a phone where the test says nothing else. Whatever the page complains
    of fails the test."""
    # Without the service worker, which has tests of its own in test_installed.py: Playwright's
    # routes would miss what passes through it.
    context = browser.new_context(
        locale="en-GB",
        base_url=address,
        service_workers="block",
        reduced_motion="reduce",  # or else a test waits until a button has come to rest
        **getattr(request, "param", PHONE),
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: _keep_policy_violations(said.text, complaints))
    page.goto("/")
    page.wait_for_selector("html.js")
    yield page
    context.close()
    assert complaints == []


def _keep_policy_violations(text: str, complaints: list[str]) -> None:
    if "Content Security Policy" in text:
        complaints.append(text)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "red.jpg"
    Image.new("RGB", (300, 200), "red").save(path)
    return path
