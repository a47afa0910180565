"""Pictures of the page with the model that comes with it, for the documents:

python -m tests.browser.screenshots docs/images
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, HOLD_SHRINKING, until
from tests.photos import photo
from tests.server import serving

LOOKS = (
    ("phone", (390, 844), "en-GB", "light"),
    ("phone", (390, 844), "zh-CN", "dark"),
    ("desktop", (1280, 800), "en-GB", "dark"),
    ("desktop", (1280, 800), "zh-CN", "light"),
)
Story = Callable[[Any], None]

PHOTOS = ("motorcycle", "chelsea", "astronaut")
EARLIER = "coffee"
NO_PHOTO = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"GIF89a"}

# Photos are decoded when there is time, and those of earlier results when they are scrolled to.
DRAW_ALL = """() => Promise.allSettled([...document.images].map((image) => {
    image.loading = "eager";
    image.decoding = "sync";
    return image.decode();
}))"""


def file(name: str, kind: str = "jpeg") -> dict[str, Any]:
    buffer = BytesIO()
    Image.fromarray(photo(name)).save(buffer, kind)
    name = f"{name}.{kind.replace('jpeg', 'jpg')}"
    return {"name": name, "mimeType": f"image/{kind}", "buffer": buffer.getvalue()}


def empty(page: Any) -> None:
    """What a person sees at first."""


def working(page: Any) -> None:
    """One photo that is described, one that failed, one that is looked at, one that waits."""
    page.evaluate(HOLD_SHRINKING)
    done, looking, waiting = PHOTOS
    held = [file(looking, "png"), file(waiting, "png")]
    page.set_input_files("#file", [file(done), NO_PHOTO, *held])
    page.wait_for_selector("[data-state=done] + [data-state=failed]")
    until(page, "held.length === 2")
    # The server gets the photo, but its answer goes no further.
    answers = {"urlPattern": "*/api/*", "requestStage": "Response"}
    page.context.new_cdp_session(page).send("Fetch.enable", {"patterns": [answers]})
    page.evaluate("held[0]()")
    page.wait_for_selector("[data-state=looking]")


def done(page: Any) -> None:
    """Three photos that are described, and an earlier one."""
    page.set_input_files("#file", file(EARLIER))
    page.wait_for_selector("[data-state=done]")
    page.reload()
    page.wait_for_selector("#kept li")
    page.set_input_files("#file", [file(name) for name in PHOTOS])
    page.wait_for_selector("[data-state=done] ~ [data-state=done] ~ [data-state=done]")


def earlier(page: Any) -> None:
    """The next day."""
    page.wait_for_selector("#kept li")


def pointing(page: Any) -> None:
    """Two photos, and a word of the first that has the focus."""
    page.set_input_files("#file", [file(name) for name in PHOTOS[:2]])
    page.wait_for_selector("[data-state=done] ~ [data-state=done]")
    page.locator(".card .word:visible").first.focus()


STORIES: tuple[tuple[Story, ...], ...] = ((empty,), (working,), (done, earlier))
"""What happens in one browser, which keeps the results."""


def take(page: Any, whole: bool) -> Image.Image:
    page.mouse.move(0, 0)  # what it is over looks different
    page.evaluate(DRAW_ALL)
    if whole:
        # Not full_page=True, with which Chromium no longer pretends that it is touched.
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({**page.viewport_size, "height": height})
    return Image.open(BytesIO(page.screenshot(animations="disabled")))


def tell(browser: Any, address: str, stories: Sequence[Sequence[Story]], folder: Path) -> None:
    """Takes each story's pictures, in each look."""
    for device, (width, height), locale, scheme in LOOKS:
        for story in stories:
            context = browser.new_context(
                base_url=address,
                locale=locale,
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                is_mobile=device == "phone",
                has_touch=device == "phone",
                service_workers="block",
            )
            for state in story:
                page = context.new_page()
                page.goto("/")
                page.wait_for_selector("html.js")
                state(page)
                path = folder / f"{state.__name__}-{device}-{locale[:2]}-{scheme}.webp"
                take(page, whole=state is not empty).save(path, quality=80)
                page.close()
            context.close()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        log = Path(temporary) / "log"
        with serving("wsgi", log) as address:
            tell(browser, address, STORIES, folder)
        with serving("wsgi", log, KANTU_POINTING="on") as address:
            tell(browser, address, ((pointing,),), folder)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
