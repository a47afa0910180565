"""Pictures of the page with the model that comes with it, for the documents:

python -m tests.browser.screenshots docs/images
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.photos import jpeg
from tests.server import serving

LOOKS = (
    ("phone", (390, 844), "en-GB", "light"),
    ("phone", (390, 844), "zh-CN", "dark"),
    ("desktop", (1280, 800), "en-GB", "dark"),
    ("desktop", (1280, 800), "zh-CN", "light"),
)
PHOTOS = ("astronaut", "chelsea", "coffee")


def files(*names: str) -> list[dict[str, Any]]:
    return [
        {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(name)} for name in names
    ]


def pictures(page: Any) -> Iterator[tuple[str, bytes]]:
    """What a person sees: at first, while Kantu works, when it is done, and the next day."""
    page.goto("/")
    page.wait_for_selector("html.js")
    yield "empty", page.screenshot()
    broken = {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"GIF89a"}
    page.set_input_files("#file", [*files(PHOTOS[0]), broken])
    page.wait_for_selector("[data-state=done] ~ [data-state=failed]")
    waiting: list[Any] = []
    page.route("**/api/**", lambda route: waiting.append(route))
    page.set_input_files("#file", files(*reversed(PHOTOS)))
    yield "working", whole(page)
    page.click("#remove-all")
    for route in waiting:
        route.abort()
    page.unroute("**/api/**")
    page.set_input_files("#file", files(*PHOTOS))
    page.wait_for_selector("[data-state=done] ~ [data-state=done] ~ [data-state=done]")
    yield "done", whole(page)
    page.reload()
    page.wait_for_selector("#kept li")
    yield "earlier", whole(page)


def whole(page: Any) -> bytes:
    page.wait_for_timeout(500)  # the photos are drawn when there is time
    return page.screenshot(full_page=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with serving("wsgi", Path(temporary) / "log") as address:
            for device, (width, height), locale, scheme in LOOKS:
                context = browser.new_context(
                    base_url=address,
                    locale=locale,
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    is_mobile=device == "phone",
                    has_touch=device == "phone",
                    service_workers="block",
                )
                for state, picture in pictures(context.new_page()):
                    path = folder / f"{state}-{device}-{locale[:2]}-{scheme}.webp"
                    Image.open(BytesIO(picture)).save(path, quality=80)
                context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
