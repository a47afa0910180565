"""The page as an installed app: without its server, after an update, and as a share target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.config import ROOT
from app.web import pwa
from tests.fakes import SAID, fake_app, jpeg
from tests.server import free_port, threaded

expect = pytest.importorskip("playwright.sync_api").expect

TOKEN = "secret"
IN_CHARGE = """async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller)
        await new Promise((resolve) => setTimeout(resolve, 20));
}"""
KEPT = """async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
}"""


class Site:
    """A server that can go away and come back."""

    def __init__(self, **settings: Any) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._settings = settings
        self.start()

    def start(self) -> None:
        app = fake_app(log=False, **self._settings)
        self._serving = threaded(app, self.port)
        self._serving.__enter__()

    def stop(self) -> None:
        self._serving.__exit__(None, None, None)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a site in a browser of its own, and waits for its service worker."""
    contexts = []

    def visit(site: Site) -> Any:
        context = browser.new_context(base_url=site.address, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.goto("/")
        page.evaluate(IN_CHARGE)
        return page

    yield visit
    for context in contexts:
        context.close()


def test_without_its_server_the_page_opens_and_says_so(site: Site, visit: Any) -> None:
    page = visit(site)
    expect(page.locator("#offline")).to_be_hidden()
    site.stop()
    page.goto("/")
    expect(page.locator("#offline")).to_contain_text("The server cannot be reached right now.")
    expect(page.locator("#form")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).margin") == "0px", "it has its styles"
    assert page.evaluate("import('/static/js/metadata.js').then(() => true)"), "and its scripts"
    site.start()
    page.reload()
    expect(page.locator("#offline")).to_be_hidden()


def test_the_page_is_kept_in_the_language_last_chosen(site: Site, visit: Any) -> None:
    page = visit(site)
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    site.stop()
    page.goto("/")
    expect(page.locator("#offline")).to_contain_text("暂时连不上服务器")
    site.start()


def test_what_a_proxy_says_of_an_absent_server_is_not_shown(site: Site, visit: Any) -> None:
    page = visit(site)
    site.stop()
    with threaded(lambda environ, start: _busy(start), site.port):
        page.goto("/")
        expect(page.locator("#offline")).to_be_visible()
    site.start()


def _busy(start: Any) -> list[bytes]:
    start("503 Service Unavailable", [("Content-Type", "application/json")])
    return [b'{"error": {}}']


def test_a_new_version_takes_over_at_once_and_leaves_nothing_old(
    site: Site, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit(site)
    (before,) = page.evaluate("caches.keys()")
    assert before == f"page-{pwa._version()}"
    monkeypatch.setattr(pwa, "_version", lambda: "new")
    page.evaluate("caches.open('shared')")
    page.goto("/")
    page.wait_for_function("caches.keys().then((names) => names.includes('page-new'))")
    page.wait_for_function(f"caches.keys().then((names) => !names.includes('{before}'))")
    assert "/" in page.evaluate(KEPT)


def test_what_the_server_has_changed_is_seen_at_the_first_look(site: Site, visit: Any) -> None:
    page = visit(site)
    script = ROOT / "static" / "js" / "shared.js"
    assert page.evaluate("caches.match('/static/js/shared.js').then((kept) => kept.text())") == (
        script.read_text(encoding="utf-8")
    )
    stale = """async () => {
        const [name] = await caches.keys();
        const cache = await caches.open(name);
        await cache.put("/", new Response("an old page"));
        await cache.put("/static/js/shared.js", new Response("an old script"));
    }"""
    page.evaluate(stale)
    page.goto("/")
    expect(page.locator("#form")).to_be_visible()
    fresh = page.evaluate("fetch('/static/js/shared.js').then((answer) => answer.text())")
    assert fresh == script.read_text(encoding="utf-8")


SEND = """([action, files]) => {
    const form = document.createElement("form");
    form.method = "post";
    form.enctype = "multipart/form-data";
    form.action = action;
    const data = new DataTransfer();
    for (const [name, type, bytes] of files)
        data.items.add(new File([new Uint8Array(bytes)], name, { type }));
    const input = Object.assign(document.createElement("input"), { type: "file", name: "photo" });
    input.multiple = true;
    input.files = data.files;
    form.append(input);
    document.body.append(form);
    form.submit();
}"""
DEAF = """
    window.keptCaches = caches;
    Object.defineProperty(window, "caches", { value: undefined, writable: true });
"""
ASK_THE_API = """async () => {
    const form = new FormData();
    const canvas = new OffscreenCanvas(30, 20);
    canvas.getContext("2d").fillRect(0, 0, 9, 9);
    form.append("photo", await canvas.convertToBlob({ type: "image/jpeg" }), "a.jpg");
    const answer = await fetch("/api/v1/captions", { method: "POST", body: form });
    if (!answer.ok) throw new Error(answer.status);
    await fetch("/api/v1/models");
}"""
TAKE = """async () => {
    window.caches = window.keptCaches;
    const { takeShared } = await import("/static/js/shared.js");
    const files = await takeShared();
    return Promise.all(files.map(async (file) =>
        [file.name, file.type, [...new Uint8Array(await file.arrayBuffer())]]));
}"""


def share(page: Any, *files: tuple[str, str, bytes]) -> None:
    """As a phone does: a form is sent to the action that the manifest names."""
    manifest = fake_app(log=False).test_client().get("/manifest.webmanifest").get_json()
    send(page, manifest["share_target"]["action"], *files)


def send(page: Any, action: str, *files: tuple[str, str, bytes]) -> str:
    """The page that answers."""
    sent = [[name, kind, list(data)] for name, kind, data in files]
    with page.expect_navigation() as waiting:
        page.evaluate(SEND, [action, sent])
    return waiting.value.text()


@pytest.fixture
def deaf(site: Site, visit: Any) -> Any:
    """A page whose own script asks in vain for what was shared, until TAKE asks."""
    page = visit(site)
    page.add_init_script(DEAF)
    return page


def test_shared_photos_wait_for_the_page_and_are_given_once(deaf: Any) -> None:
    heic = ("图 1/2?.heic", "image/heic", bytes(range(256)))
    red = ("IMG_1.jpg", "image/jpeg", jpeg())
    share(deaf, red, heic)
    assert deaf.evaluate("location.pathname + location.search") == "/"
    found = deaf.evaluate(TAKE)
    assert [(name, kind, bytes(data)) for name, kind, data in found] == [red, heic]
    assert not [path for path in deaf.evaluate(KEPT) if "IMG_1" in path]
    assert deaf.evaluate(TAKE) == []


def test_a_second_share_does_not_lose_the_first(deaf: Any) -> None:
    share(deaf, ("a.jpg", "image/jpeg", b"first"))
    share(deaf, ("a.jpg", "image/jpeg", b"second"))
    assert [bytes(data) for _, _, data in deaf.evaluate(TAKE)] == [b"first", b"second"]


# What is shared is listed, and then taken only when a test calls goOn().
BEGIN_TO_TAKE = """async () => {
    const { keys } = Cache.prototype;
    const told = new Promise((resolve) => (window.goOn = resolve));
    const listed = new Promise((resolve) => {
        Cache.prototype.keys = async function () {
            Cache.prototype.keys = keys;
            const found = await keys.call(this);
            resolve();
            await told;
            return found;
        };
    });
    window.caches = window.keptCaches;
    const { takeShared } = await import("/static/js/shared.js");
    window.taken = takeShared().then((files) => files.map(({ name }) => name));
    await listed;
}"""
TAKE_ALL_THE_TIME = """async () => {
    window.caches = window.keptCaches;
    const { takeShared } = await import("/static/js/shared.js");
    window.taken = (async () => {
        const names = [];
        while (!window.stopped) {
            names.push(...(await takeShared()).map(({ name }) => name));
            await new Promise((resolve) => setTimeout(resolve));
        }
        return names;
    })();
}"""


@pytest.fixture
def other(deaf: Any) -> Any:
    """Another such page in the same browser."""
    page = deaf.context.new_page()
    page.add_init_script(DEAF)
    page.goto("/")
    return page


def names(found: list[Any]) -> list[str]:
    return [name for name, _, _ in found]


def test_what_is_shared_while_a_page_takes_is_not_lost(deaf: Any, other: Any) -> None:
    share(deaf, ("a.jpg", "image/jpeg", b"a"))
    other.evaluate(BEGIN_TO_TAKE)
    share(deaf, ("b.jpg", "image/jpeg", b"b"))
    other.evaluate("goOn()")
    assert other.evaluate("taken") == ["a.jpg"]
    assert names(deaf.evaluate(TAKE)) == ["b.jpg"]


def test_of_two_pages_one_takes_a_photo(deaf: Any, other: Any) -> None:
    share(deaf, ("a.jpg", "image/jpeg", b"a"))
    other.evaluate(BEGIN_TO_TAKE)
    assert names(deaf.evaluate(TAKE)) == ["a.jpg"]
    other.evaluate("goOn()")
    assert other.evaluate("taken") == []


def test_of_many_photos_that_are_shared_while_another_page_takes_none_is_lost(
    deaf: Any, other: Any
) -> None:
    shared = [f"{n}.jpg" for n in range(60)]
    other.evaluate(TAKE_ALL_THE_TIME)
    share(deaf, *((name, "image/jpeg", b"photo") for name in shared))
    rest = names(deaf.evaluate(TAKE))
    other.evaluate("window.stopped = true")
    taken = other.evaluate("taken")
    assert sorted(taken + rest) == sorted(shared)


def test_a_share_without_photos_opens_the_page(deaf: Any) -> None:
    share(deaf)
    expect(deaf.locator("#form")).to_be_visible()
    assert deaf.evaluate(TAKE) == []


def test_a_photo_can_be_shared_while_the_server_is_away(site: Site, visit: Any) -> None:
    page = visit(site)
    page.add_init_script(DEAF)
    site.stop()
    share(page, ("a.jpg", "image/jpeg", b"photo"))
    expect(page.locator("#offline")).to_be_visible()
    assert [name for name, _, _ in page.evaluate(TAKE)] == ["a.jpg"]
    site.start()


def test_a_shared_photo_is_captioned(site: Site, visit: Any) -> None:
    page = visit(site)
    share(page, ("red.jpg", "image/jpeg", jpeg(300, 200)))
    expect(page.get_by_text(SAID["en"][0]).first).to_be_visible()


def test_neither_photos_nor_captions_are_kept(site: Site, visit: Any) -> None:
    page = visit(site)
    answer = send(page, "/?lang=en", ("a.jpg", "image/jpeg", jpeg()))
    assert SAID["en"][0] in answer
    page.evaluate(ASK_THE_API)
    kept = page.evaluate(KEPT)
    assert "/" in kept
    assert [path for path in kept if path != "/" and not path.startswith("/static/")] == []
    html = page.evaluate("caches.match('/').then((page) => page.text())")
    assert "</html>" in html and SAID["en"][0] not in html


def test_where_nothing_can_be_shared_nothing_is_taken(browser: Any, site: Site) -> None:
    context = browser.new_context(base_url=site.address, service_workers="block")
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'caches', { set() {} })")
    page.goto("/nothing")
    assert page.evaluate(TAKE) == []
    context.close()


def test_an_app_on_a_private_server_works_once_its_owner_signed_in(browser: Any) -> None:
    site = Site(token=TOKEN)
    context = browser.new_context(base_url=site.address, locale="en-GB")
    page = context.new_page()
    page.goto("/")
    page.evaluate(IN_CHARGE)
    assert "/" not in page.evaluate(KEPT), "the form to sign in is not the page"
    page.fill("[name=token]", TOKEN)
    page.click("button")
    expect(page.locator("#form")).to_be_visible()
    site.stop()
    page.goto("/")
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#form")).to_be_visible()
    context.close()


def test_the_browser_finds_nothing_wrong_with_the_manifest(site: Site, visit: Any) -> None:
    page = visit(site)
    devtools = page.context.new_cdp_session(page)
    told = devtools.send("Page.getAppManifest")
    assert told["url"] == f"{site.address}/manifest.webmanifest?lang=en"
    assert told["errors"] == []
    lacking = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # Browsers install nothing into a private window, which is what tests open.
    assert [one["errorId"] for one in lacking if one["errorId"] != "in-incognito"] == []
