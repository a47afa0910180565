"""A server that is away for a while, busy, or that wants another sign-in: what the page does by
itself, what it asks of the person, and how often it asks the server."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from time import time
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer

from tests.browser.conftest import Patient, hold_pauses, hurry, on_phone_and_desktop
from tests.browser.test_page import DONE, file
from tests.fakes import FakeCaptioner, fake_app

expect = pytest.importorskip("playwright.sync_api").expect

API = "**/api/**"
FAILED = "[data-state=failed]"
AWAY = "The server is not answering. Trying again in"
BUSY = "The server is busy. Trying again in"
HTML = {"content_type": "text/html", "body": "<h1>Sign in to Free Wi-Fi</h1>"}
Answer = Callable[[Any], None]


def photos(number: int) -> list[dict[str, Any]]:
    return [file(f"{n}.jpg") for n in range(number)]


def abort(route: Any) -> None:
    route.abort()


def answering(**answer: Any) -> Answer:
    return lambda route: route.fulfill(**answer)


def failing(page: Any, answer: Answer, times: float = float("inf")) -> list[Any]:
    """What the page asks of its server, which answers so the first `times`."""
    asked: list[Any] = []

    def handle(route: Any) -> None:
        asked.append(route)
        if len(asked) <= times:
            answer(route)
        else:
            route.continue_()

    page.route(API, handle)
    return asked


def first_held(page: Any, held: list[Any]) -> Any:
    """What is held back first. That a card uploads says nothing: its request may be on its way."""
    for _ in range(500):
        if held:
            return held[0]
        page.wait_for_timeout(20)
    raise AssertionError("the page has asked nothing that was held back")


def in_a_second() -> str:
    return formatdate(time() + 1, usegmt=True)


@pytest.mark.parametrize(
    "answer",
    [
        abort,
        *(answering(status=status, body="") for status in (408, 429, 500, 502, 503, 504, 520)),
        *(answering(status=status, **HTML) for status in (200, 502, 503)),
        *(answering(status=200, json=answer) for answer in ({}, {"photos": []}, None)),
        answering(status=502, headers={"Retry-After": "1"}, body=""),
        answering(status=503, headers={"Retry-After": "0"}, body=""),
        lambda route: answering(status=503, headers={"Retry-After": in_a_second()})(route),
    ],
)
def test_what_passes_is_tried_again_until_it_has(page: Any, answer: Answer) -> None:
    hurry(page)
    asked = failing(page, answer, times=3)
    page.set_input_files("#file", photos(5))
    expect(page.locator(DONE)).to_have_count(5)
    assert len(asked) == 3 + 5


@on_phone_and_desktop
def test_three_seconds_offline_fail_no_photo(page: Any) -> None:
    page.context.set_offline(True)
    page.set_input_files("#file", photos(20))
    expect(page.locator(".state").last).to_contain_text(AWAY)
    page.wait_for_timeout(3000)
    page.context.set_offline(False)
    expect(page.locator(DONE)).to_have_count(20, timeout=30_000)
    expect(page.locator("#count")).to_have_text("20 of 20 photos described")


def test_all_wait_while_one_asks_whether_the_server_is_back(page: Any) -> None:
    hurry(page)
    asked = failing(page, abort)
    page.set_input_files("#file", photos(20))
    expect(page.locator(FAILED)).to_have_count(20)
    assert len(asked) < 12, "not some of each photo's own"


SECONDS = """() => {
    window.seconds = [];
    const note = ([{ target }]) => seconds.push(Number(target.textContent.match(/\\d+/)));
    new MutationObserver(note).observe(document.querySelector(".state"), { childList: true });
}"""


def test_the_first_pauses_are_short_and_none_is_long(page: Any) -> None:
    hurry(page)
    held: list[Any] = []
    asked = failing(page, lambda route: route.abort() if len(asked) > 1 else held.append(route))
    page.set_input_files("#file", photos(1))
    first = first_held(page, held)
    page.evaluate(SECONDS)
    first.abort()
    expect(page.locator(FAILED)).to_have_count(1)
    pauses = list(filter(None, page.evaluate("seconds")))
    assert pauses[:2] == [1, 2]
    assert pauses[1] < pauses[2] < pauses[3] < pauses[4] <= max(pauses) <= 30


def test_who_waits_is_told_and_may_stop_waiting(page: Any) -> None:
    hold_pauses(page)
    failing(page, abort, times=2)
    page.set_input_files("#file", photos(4))
    states = page.locator(".state")
    expect(states).to_contain_text([AWAY] * 4)
    expect(page.get_by_role("status")).to_contain_text(AWAY)
    page.get_by_role("button", name="Remove 0.jpg").click()
    page.get_by_role("button", name="Remove 3.jpg").click()
    page.set_input_files("#file", file("new.jpg"))
    expect(states).to_contain_text([AWAY] * 3)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(DONE)).to_have_count(3)
    expect(page.locator("#count")).to_have_text("3 of 3 photos described")


def test_the_one_that_asks_may_be_removed_too(page: Any) -> None:
    hurry(page)
    held: list[Any] = []
    asked = failing(page, lambda route: held.append(route) if len(asked) == 3 else route.abort(), 3)
    page.set_input_files("#file", photos(5))
    first_held(page, held)
    asking = page.locator("[data-state=uploading] h3").inner_text()
    page.get_by_role("button", name=f"Remove {asking}").click()
    expect(page.locator(DONE)).to_have_count(4)


def test_a_new_connection_is_tried_at_once(page: Any) -> None:
    hold_pauses(page)
    page.context.set_offline(True)
    page.set_input_files("#file", photos(3))
    expect(page.locator(".state").last).to_contain_text(AWAY)
    page.context.set_offline(False)
    expect(page.locator(DONE)).to_have_count(3)


def test_a_busy_server_is_left_alone_for_as_long_as_it_says(page: Any) -> None:
    hold_pauses(page)
    asked = failing(page, answering(status=429, headers={"Retry-After": "20"}), times=2)
    page.set_input_files("#file", photos(9))
    expect(page.locator(".state")).to_have_text([f"{BUSY} 20 s."] * 9)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_timeout(300)
    assert len(asked) == 2


def test_where_the_wait_would_be_long_all_end_with_what_the_server_says(page: Any) -> None:
    error = {"error": {"code": "rate_limited", "message": "Come back in an hour."}}
    asked = failing(page, answering(status=429, headers={"Retry-After": "3600"}, json=error))
    page.set_input_files("#file", photos(9))
    expect(page.locator(".card .error")).to_have_text(["Come back in an hour."] * 9)
    assert len(asked) <= 2


def test_a_photo_on_which_the_server_breaks_holds_up_no_other(page: Any) -> None:
    hurry(page)

    def handle(route: Any) -> None:
        if b'filename="0.jpg"' in route.request.post_data_buffer:
            route.fulfill(status=502, body="")
        else:
            route.continue_()

    page.route(API, handle)
    page.set_input_files("#file", photos(6))
    expect(page.locator(DONE)).to_have_count(5)
    expect(page.locator(FAILED).locator("h3")).to_have_text("0.jpg")


def test_an_answer_that_breaks_off_is_asked_for_again(
    page: Any, page_server: BaseWSGIServer, captioner: Patient
) -> None:
    hurry(page)
    whole = page_server.app
    cut: list[Any] = []

    def half(environ: Any, start: Any) -> Any:
        if "/api/" not in environ["PATH_INFO"] or len(cut) == 2:
            return whole(environ, start)
        environ["wsgi.input"].read()
        cut.append(
            start("200 OK", [("Content-Type", "application/json"), ("Content-Length", "999")])
        )
        return [b'{"photos": [{"captions"']

    page_server.app = half
    page.set_input_files("#file", photos(3))
    expect(page.locator(DONE)).to_have_count(3)
    assert len(captioner.seen) == 3


def test_a_request_of_which_nothing_is_heard_is_given_up(page: Any) -> None:
    hurry(page)
    failing(page, lambda _: None, times=2)
    page.set_input_files("#file", photos(3))
    expect(page.locator(DONE)).to_have_count(3)


@pytest.mark.parametrize("status", [400, 403, 404, 413, 415, 422])
def test_what_the_server_refuses_is_not_sent_again_by_itself(page: Any, status: int) -> None:
    hurry(page)
    asked = failing(page, answering(status=status, **HTML))
    page.set_input_files("#file", photos(3))
    expect(page.locator(".card .error")).to_have_text(
        [f"The server refused this photo (error {status})."] * 3
    )
    assert len(asked) == 3


@on_phone_and_desktop
def test_what_failed_can_be_tried_again_all_at_once(page: Any) -> None:
    hurry(page)
    failing(page, abort)
    again = page.get_by_role("button", name="Try all again")
    page.set_input_files("#file", [file("no.jpg", b"GIF89a"), *photos(4)])
    expect(page.locator(FAILED)).to_have_count(5)
    expect(page.get_by_role("button", name="Try again")).to_have_count(5)
    page.unroute(API)
    again.click()
    expect(page.locator(DONE)).to_have_count(4)
    expect(page.get_by_role("heading", name="Captions", exact=True)).to_be_focused()
    expect(page.locator(".card .error").first).to_contain_text("GIF")
    expect(again).to_be_hidden()


def test_one_that_failed_and_those_that_never_help_need_no_button_for_all(page: Any) -> None:
    hurry(page)
    again = page.locator("#retry-all")
    refused = [file("a.jpg", b"GIF89a"), file("b.jpg", b"GIF89a")]
    page.set_input_files("#file", refused)
    expect(page.locator(FAILED)).to_have_count(2)
    expect(again).to_be_hidden()
    failing(page, abort)
    page.set_input_files("#file", photos(2))
    expect(page.locator(FAILED)).to_have_count(4)
    expect(again).to_be_visible()
    page.get_by_role("button", name="Remove 1.jpg").click()
    expect(again).to_be_hidden()


def test_who_is_no_longer_signed_in_is_told_what_to_do(
    page: Any, page_server: BaseWSGIServer, captioner: FakeCaptioner
) -> None:
    page_server.app = fake_app(captioner, token="secret", log=False)
    sent: list[str] = []
    page.on("request", lambda request: "/api/" in request.url and sent.append(request.url))
    page.set_input_files("#file", photos(9))
    expect(page.locator(".card .error")).to_have_text(
        ["Your sign-in has expired. Sign in again in another tab, then try again here."] * 9
    )
    assert len(sent) <= 2
    with page.expect_popup() as waiting:
        page.get_by_role("link", name="Sign in").click()
    form = waiting.value
    form.get_by_label("Access token").fill("secret")
    form.get_by_role("button", name="Sign in").click()
    expect(form.locator("#form")).to_be_visible()
    page.get_by_role("button", name="Try all again").click()
    expect(page.locator(DONE)).to_have_count(9)
    expect(page.get_by_role("link", name="Sign in")).to_be_hidden()
