"""Earlier results, kept in the browser."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.modules.conftest import Run, running_in, sent
from tests.fakes import jpeg


def keep(number: int) -> str:
    return f'await m.save({{ id: "{number}", time: {number}, name: "{number}.jpg" }});'


CLEAR = "await m.remove(...(await m.all()).map(({ id }) => id));"
IDS = "return (await m.all()).map(({ id }) => id)"


@pytest.fixture
def empty(run: Run) -> Iterator[None]:
    yield
    run("history", CLEAR)


@pytest.mark.usefixtures("empty")
def test_results_are_kept_and_the_newest_comes_first(run: Run, context: Any) -> None:
    run("history", keep(2) + keep(10) + keep(1))
    page = context.new_page()
    page.goto("/nothing")
    assert running_in(page)("history", IDS) == ["10", "2", "1"], "another page sees them too"
    page.close()


@pytest.mark.usefixtures("empty")
def test_a_photo_is_kept_byte_for_byte_and_what_is_saved_again_is_replaced(run: Run) -> None:
    photo = jpeg()
    body = """
        const photo = toFile(arg);
        await m.save({ id: "a", time: 1, photo, captions: [] });
        await m.save({ id: "a", time: 1, photo, captions: [{ text: "edited" }] });
        const [one, ...others] = await m.all();
        return [one.captions, others.length, await toBase64(one.photo)];
    """
    captions, others, data = run("history", body, sent(photo))
    assert (captions, others, b64decode(data)) == ([{"text": "edited"}], 0, photo)


@pytest.mark.usefixtures("empty")
def test_results_can_be_deleted_one_or_several(run: Run) -> None:
    run("history", keep(1) + keep(2) + keep(3) + 'await m.remove("2"); await m.remove("none")')
    assert run("history", IDS) == ["3", "1"]
    run("history", keep(4) + 'await m.remove("1", "4")')
    assert run("history", IDS) == ["3"]


@pytest.mark.usefixtures("empty")
def test_the_oldest_are_forgotten_when_there_are_too_many(run: Run) -> None:
    most = run("history", "return m.MOST_KEPT")
    fill = """
        await m.save({ id: 1, time: 1 });
        indexedDB.open("kantu").onsuccess = ({ target: { result } }) => {
            const entries = result.transaction("entries", "readwrite").objectStore("entries");
            for (let id = 2; id <= m.MOST_KEPT; id++) entries.put({ id, time: id });
            result.close();
        };
    """
    run("history", fill)
    run("history", keep(most + 1) + keep(most + 2))
    ids = run("history", IDS)
    assert (len(ids), ids[0], ids[-1]) == (most, str(most + 2), 3)


@pytest.mark.parametrize(
    "forbid",
    [
        "open() { throw new DOMException('', 'SecurityError'); }",
        "open() { const r = {}; setTimeout(() => r.onerror()); return r; }",
    ],
    ids=["at once", "later"],
)
def test_where_nothing_may_be_kept_it_is_quiet(context: Any, forbid: str) -> None:
    page = context.new_page()
    page.add_init_script(f"Object.defineProperty(window, 'indexedDB', {{ value: {{ {forbid} }} }})")
    page.goto("/nothing")
    run = running_in(page)
    assert run("history", 'return m.save({ id: "1", time: 1 })') is False
    run("history", 'await m.remove("1")')
    assert run("history", IDS) == []
    page.close()
