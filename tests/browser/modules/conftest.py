"""The modules of static/js, each by itself, in a real browser."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from werkzeug.serving import BaseWSGIServer

from tests.server import address_of

Run = Callable[..., Any]

TOOLS = """
const toFile = ([base64, name, type]) =>
    new File([Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))], name, { type });
const toBase64 = (blob) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.readAsDataURL(blob);
});
"""


@pytest.fixture(scope="package")
def context(browser: Any, page_server: BaseWSGIServer) -> Iterator[Any]:
    context = browser.new_context(
        base_url=address_of(page_server),
        locale="en-GB",
        service_workers="block",
        accept_downloads=True,
    )
    yield context
    context.close()


@pytest.fixture(scope="package")
def tab(context: Any) -> Any:
    """A page of the site on which no script of its own is at work."""
    page = context.new_page()
    page.goto("/nothing")
    return page


@pytest.fixture(scope="package")
def run(tab: Any) -> Run:
    return running_in(tab)


def running_in(page: Any) -> Run:
    def run(module: str, body: str, argument: Any = None) -> Any:
        """What `body` returns, where `m` is the module and `arg` the argument."""
        load = f"const m = await import('/static/js/{module}.js');"
        return page.evaluate(f"async (arg) => {{ {TOOLS} {load} {body} }}", argument)

    return run


def sent(data: bytes, name: str = "a.jpg", kind: str = "image/jpeg") -> list[str]:
    return [b64encode(data).decode(), name, kind]


def saved(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image
