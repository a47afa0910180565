"""How photos come, and what a person sees of the work on them: with and without JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import (
    DESKTOP,
    HOLD_SHRINKING,
    Patient,
    hurry,
    on_phone_and_desktop,
    until,
)
from tests.fakes import SAID, jpeg, noise

expect = pytest.importorskip("playwright.sync_api").expect

CARD = "#cards > .card"
DONE = "[data-state=done]"


def file(name: str, data: bytes | None = None) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": jpeg() if data is None else data}


@on_phone_and_desktop
def test_a_photo_gets_captions_in_both_languages(page: Any, photo: Path) -> None:
    page.set_input_files("#file", photo)
    expect(page.locator(CARD)).to_have_attribute("data-state", "done")
    english, chinese = page.locator(".caption-text").all()
    expect(english).to_have_value(SAID["en"][0])
    expect(english).to_have_attribute("lang", "en")
    expect(chinese).to_have_value(SAID["zh"][0])
    expect(chinese).to_have_attribute("lang", "zh-Hans")
    expect(page.locator(".sure")).to_have_text(["Quite sure", "Not so sure"])
    expect(page.locator(".sure").first).to_have_attribute(
        "title", "Probability of exactly this sentence: 15%"
    )
    image = page.locator(".frame img")
    expect(image).to_have_attribute("alt", SAID["en"][0])
    assert image.evaluate("image => image.naturalWidth") == 300
    expect(page.get_by_role("status")).to_have_text(SAID["en"][0] + SAID["zh"][0])
    expect(page.locator(CARD)).to_be_in_viewport()


def test_a_photo_chosen_before_the_script_arrives_is_not_lost(page: Any, photo: Path) -> None:
    held: list[Any] = []
    page.route("**/page.js", lambda route: held.append(route))
    page.goto("/", wait_until="commit")
    page.set_input_files("#file", photo)
    held[0].continue_()
    expect(page.locator(DONE)).to_have_count(1)


def test_the_chosen_language_alone_and_it_is_remembered(page: Any, photo: Path) -> None:
    page.get_by_label("Chinese", exact=True).check()
    page.reload()
    page.wait_for_selector("html.js")
    page.set_input_files("#file", photo)
    expect(page.locator(".caption-text")).to_have_count(1)
    expect(page.locator(".caption-text")).to_have_value(SAID["zh"][0])


@on_phone_and_desktop
def test_many_photos_at_once_each_with_its_own_state(page: Any, captioner: Patient) -> None:
    captioner.may_answer.clear()
    page.set_input_files(
        "#file", [file(f"{n}.jpg") for n in range(4)] + [file("no.jpg", b"GIF89a")]
    )
    states = page.locator(".state")
    looking = "Looking at the photo…"
    expect(states).to_have_text([looking, looking, "Waiting", "Waiting", "Waiting"])
    expect(page.locator("#count")).to_have_text("0 of 5 photos described")
    captioner.may_answer.set()
    expect(states).to_have_text(["Described"] * 4 + ["Not described"])
    expect(page.locator("#count")).to_have_text("4 of 5 photos described, 1 failed")
    expect(page.locator(CARD).last.locator(".error")).to_contain_text("This file is GIF, not JPEG.")
    assert len(captioner.seen) == 4


def test_who_listens_hears_how_far_it_is_now_and_then(page: Any) -> None:
    page.evaluate("""() => {
        window.said = [];
        const status = document.getElementById("status");
        new MutationObserver(() => said.push(status.textContent))
            .observe(status, { childList: true });
    }""")
    page.set_input_files("#file", [file(f"{n}.jpg") for n in range(6)])
    expect(page.get_by_role("status")).to_have_text("6 of 6 photos described", timeout=15_000)
    assert len(page.evaluate("said")) <= 3


def test_the_next_photos_come_above_the_first(page: Any) -> None:
    page.set_input_files("#file", [file("a.jpg"), file("b.jpg")])
    page.set_input_files("#file", [file("c.jpg"), file("d.jpg")])
    expect(page.locator("h3")).to_have_text(["c.jpg", "d.jpg", "a.jpg", "b.jpg"])


def test_a_large_photo_goes_up_small(page: Any, captioner: Patient) -> None:
    page.set_input_files("#file", file("large.jpg", jpeg(3000, 2000)))
    expect(page.locator(DONE)).to_have_count(1)
    assert captioner.seen == [(683, 1024, 3)]


def uploads(page: Any) -> list[str]:
    """What of its photos the page sends from now on."""
    sent: list[str] = []
    page.on("request", lambda request: "/api/" in request.url and sent.append(request.url))
    return sent


def test_a_photo_that_stays_too_large_is_not_sent(page: Any) -> None:
    sent = uploads(page)
    page.set_input_files("#file", file("large.jpg", noise(500, 500)))
    expect(page.locator(".card .error")).to_contain_text("This photo is larger than 0.095 MB.")
    assert sent == []


@on_phone_and_desktop
def test_what_failed_can_be_tried_again(page: Any, photo: Path) -> None:
    hurry(page)
    page.route("**/api/**", lambda route: route.abort())
    page.set_input_files("#file", photo)
    expect(page.locator(".card .error")).to_contain_text("The server could not be reached.")
    expect(page.get_by_role("status")).to_contain_text("The server could not be reached.")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("h3")).to_be_focused()
    expect(page.locator(DONE)).to_have_count(1)
    expect(page.locator(".card .error")).to_be_empty()


@pytest.mark.parametrize(
    ("status", "helps"),
    [
        *((status, False) for status in (400, 413, 415, 422)),
        *((status, True) for status in (403, 429, 500, 502, 503)),
    ],
)
def test_trying_again_is_offered_only_where_it_can_help(
    page: Any, photo: Path, status: int, helps: bool
) -> None:
    hurry(page)
    error = {"error": {"code": "code", "message": "A sentence."}}
    page.route("**/api/**", lambda route: route.fulfill(status=status, json=error))
    page.set_input_files("#file", photo)
    expect(page.locator(".card .error")).to_have_text("A sentence.")
    expect(page.get_by_role("button", name="Try again")).to_have_count(int(helps))


def test_a_photo_that_is_too_large_stays_so(page: Any) -> None:
    page.set_input_files("#file", file("large.jpg", noise(500, 500)))
    expect(page.locator(".card .error")).to_contain_text("larger")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()


@pytest.mark.parametrize("status", [429, 503])
def test_where_the_server_is_busy_it_waits_and_asks_again(
    page: Any, photo: Path, status: int
) -> None:
    asked: list[Any] = []

    def answer(route: Any) -> None:
        asked.append(route)
        if len(asked) > 1:
            return route.continue_()
        error = {"error": {"code": "busy", "message": "Later."}}
        route.fulfill(status=status, headers={"Retry-After": "1"}, json=error)

    page.route("**/api/**", answer)
    page.set_input_files("#file", photo)
    expect(page.locator(".state")).to_have_text("The server is busy. Trying again in 1 s.")
    expect(page.locator(DONE)).to_have_count(1)
    assert len(asked) == 2


def test_a_photo_can_be_removed_before_and_after_it_is_described(
    page: Any, captioner: Patient
) -> None:
    captioner.may_answer.clear()
    page.set_input_files("#file", [file("a.jpg"), file("b.jpg"), file("c.jpg")])
    expect(page.locator(".state")).to_contain_text(["Looking", "Looking", "Waiting"])
    page.get_by_role("button", name="Remove b.jpg").click()
    expect(page.get_by_role("heading", name="c.jpg")).to_be_focused()
    captioner.may_answer.set()
    expect(page.locator(DONE)).to_have_count(2)
    expect(page.locator("#count")).to_have_text("2 of 2 photos described")
    page.get_by_role("button", name="Remove c.jpg").click()
    expect(page.get_by_role("heading", name="a.jpg")).to_be_focused()
    page.get_by_role("button", name="Remove a.jpg").click()
    expect(page.locator("#file")).to_be_focused()
    expect(page.locator("#results")).to_be_hidden()


def test_a_photo_removed_while_it_is_made_small_is_never_sent(page: Any) -> None:
    sent = uploads(page)
    page.evaluate(HOLD_SHRINKING)
    large = jpeg(3000, 2000)
    page.set_input_files("#file", [file("gone.jpg", large), file("stays.jpg", large)])
    until(page, "held.length === 2")
    page.get_by_role("button", name="Remove gone.jpg").click()
    page.evaluate("held[0]()")
    page.evaluate("held[1]()")
    expect(page.locator(DONE)).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 of 1 photos described")
    assert len(sent) == 1
    page.reload()
    expect(page.get_by_role("button", name="Delete stays.jpg")).to_be_visible()
    expect(page.get_by_role("button", name="Delete gone.jpg")).to_have_count(0)


def test_all_can_be_removed(page: Any, captioner: Patient) -> None:
    captioner.may_answer.clear()
    page.set_input_files("#file", [file(f"{n}.jpg") for n in range(5)])
    page.click("#remove-all")
    expect(page.locator(CARD)).to_have_count(0)
    captioner.may_answer.set()
    page.set_input_files("#file", file("new.jpg"))
    expect(page.locator(DONE)).to_have_count(1)
    assert len(captioner.seen) <= 3, "those that had not begun never went up"


TAKE = """([event, kind]) => {
    const canvas = new OffscreenCanvas(120, 80);
    canvas.getContext("2d").fillRect(0, 0, 50, 50);
    return canvas.convertToBlob({ type: kind }).then((blob) => {
        const data = new DataTransfer();
        for (const name of ["one", "two"]) data.items.add(new File([blob], name, { type: kind }));
        const options = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(event === "paste"
            ? new ClipboardEvent("paste", { ...options, clipboardData: data })
            : new DragEvent("drop", { ...options, dataTransfer: data }));
    });
}"""


@pytest.mark.parametrize("event", ["paste", "drop"])
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_pictures_can_be_pasted_or_dropped(
    page: Any, captioner: Patient, event: str, kind: str
) -> None:
    page.evaluate(TAKE, [event, kind])
    expect(page.locator(DONE)).to_have_count(2)
    assert captioner.seen == [(80, 120, 3)] * 2


@pytest.mark.parametrize("page", [DESKTOP], indirect=True)
def test_a_folder_can_be_chosen_with_the_folders_in_it(page: Any, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "inner" / "b.jpeg").write_bytes(jpeg())
    (tmp_path / "notes.txt").write_text("no photo")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(tmp_path)
    expect(page.locator(DONE)).to_have_count(2)
    names = set(page.locator("h3").all_inner_texts())
    assert names == {f"{tmp_path.name}/a.jpg", f"{tmp_path.name}/inner/b.jpeg"}
    expect(page.get_by_role("button", name="Take a photo")).to_be_hidden()


# No script can drop a real folder: this is one as browsers describe it, read in pieces.
DROP_FOLDER = """async () => {
    const canvas = new OffscreenCanvas(9, 9);
    canvas.getContext("2d");
    const blob = await canvas.convertToBlob({ type: "image/jpeg" });
    const asFolder = (files) => ({
        isDirectory: true, isFile: false,
        createReader: () => ({ readEntries: (done) => done(files.splice(0, 1)) }),
    });
    const asFile = (path, type) => ({
        isFile: true, fullPath: path,
        file: (done) => done(new File([blob], path.split("/").pop(), { type })),
    });
    const entry = asFolder([
        asFile("/folder/a.jpg", "image/jpeg"),
        asFolder([asFile("/folder/inner/b.jpg", "image/jpeg")]),
        asFile("/folder/notes.txt", "text/plain"),
    ]);
    const event = new Event("drop", { bubbles: true, cancelable: true });
    const items = [{ webkitGetAsEntry: () => entry }];
    event.dataTransfer = { files: [new File([], "folder")], items };
    document.body.dispatchEvent(event);
}"""


def test_a_folder_can_be_dropped(page: Any) -> None:
    page.evaluate(DROP_FOLDER)
    expect(page.locator(DONE)).to_have_count(2)
    expect(page.locator("h3")).to_have_text(["folder/a.jpg", "folder/inner/b.jpg"])


def test_what_holds_no_photo_is_told_in_place(page: Any) -> None:
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Buy milk."}
    page.set_input_files("#file", text)
    expect(page.get_by_role("alert")).to_have_text("There are no photos among these files.")
    expect(page.locator(CARD)).to_have_count(0)


@on_phone_and_desktop
def test_where_nobody_can_drop_nothing_is_said_of_it(page: Any) -> None:
    handheld = page.viewport_size["width"] < 500
    expect(page.get_by_text("or drop them here")).to_be_visible(visible=not handheld)


def test_phones_offer_their_camera(page: Any, photo: Path) -> None:
    expect(page.get_by_role("button", name="Choose a folder")).to_be_hidden()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Take a photo").click()
    expect(page.locator("#camera")).to_have_attribute("capture", "environment")
    chooser.value.set_files(photo)
    expect(page.locator(DONE)).to_have_count(1)


@pytest.fixture
def plain(browser: Any, address: str) -> Any:
    """The page in Chinese, without JavaScript."""
    context = browser.new_context(java_script_enabled=False, locale="zh-CN", base_url=address)
    page = context.new_page()
    page.goto("/")
    yield page
    context.close()


def test_it_works_without_javascript(plain: Any) -> None:
    expect(plain.locator("html")).to_have_attribute("lang", "zh-Hans")
    for hidden in ("#folder-button", "#earlier", "#remove-all"):
        expect(plain.locator(hidden)).to_be_hidden()
    plain.set_input_files("#file", [file("a.jpg"), file("no.jpg", b"GIF89a"), file("b.jpg")])
    plain.click("#submit")
    expect(plain.locator("h3")).to_have_text(["a.jpg", "no.jpg", "b.jpg"])
    expect(plain.locator(".caption-text")).to_have_text([SAID["en"][0], SAID["zh"][0]] * 2)
    expect(plain.locator(".sure").first).to_have_text("很有把握")
    expect(plain.locator(".card .error").nth(1)).to_contain_text("GIF")
    assert plain.locator(".frame img").first.evaluate("image => image.naturalWidth") == 64


def test_errors_are_told_without_javascript(plain: Any) -> None:
    plain.set_input_files("#file", file("no.jpg", b"GIF89a"))
    plain.click("#submit")
    expect(plain.get_by_role("alert")).to_contain_text("GIF")
    expect(plain.locator("#file")).to_have_attribute("aria-invalid", "true")


def test_everything_can_be_reached_by_keyboard(page: Any, photo: Path) -> None:
    def tab(times: int) -> str:
        for _ in range(times):
            page.keyboard.press("Tab")
        return page.evaluate("document.activeElement.id || document.activeElement.className")

    assert tab(4) == "file"
    assert tab(1) == "camera-button"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.set_input_files("#file", photo)
    expect(page.locator(".caption-text")).to_have_value(SAID["en"][0])
    page.focus("[name=language]:checked")
    assert [tab(1) for _ in range(3)] == ["copy-all", "quiet", "remove-all"]
    assert [tab(1) for _ in range(4)] == ["icon remove", "caption-text", "tool copy", "tool"]
    page.keyboard.press("Enter")
    assert tab(1) == "other"
    page.keyboard.press("Enter")
    expect(page.locator(".caption-text")).to_have_value(SAID["en"][1])
    expect(page.locator(".caption-text")).to_be_focused()


def test_the_language_can_be_switched(page: Any) -> None:
    page.get_by_role("link", name="中文").click()
    expect(page.locator("h1")).to_have_text("照片里有什么？")
    page.set_input_files("#file", file("no.jpg", b"GIF89a"))
    expect(page.locator(".card .error")).to_contain_text("这是 GIF 文件")
    page.goto("/")
    expect(page.locator("h1")).to_have_text("照片里有什么？")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("What is in the picture?")


@pytest.mark.parametrize(
    ("lang", "title"), [("en", "Kantu for programs"), ("zh", "供程序使用的看图 API")]
)
def test_the_page_leads_to_the_one_for_programs(page: Any, lang: str, title: str) -> None:
    page.goto(f"/?lang={lang}")
    page.get_by_role("contentinfo").get_by_role("link", name=title).click()
    expect(page.locator("h1")).to_have_text(title)
