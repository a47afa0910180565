"""A corpus of hostile uploads and a little fuzzing, through the real door.

benchmarks/hostile.py runs the long version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes import jpeg
from tests.hostile.corpus import FINE, Allowed, largest, upload, upload_to_max, uploads
from tests.hostile.door import knock, peak_megabytes
from tests.hostile.fuzz import mutants
from tests.hostile.others import largest_others, others
from tests.server import Server, running

MOST_MEGABYTES = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the checkpoint that comes with Kantu. All tests together must neither kill it nor fill
    the memory."""
    with running("wsgi", tmp_path_factory.mktemp("hostile") / "log") as server:
        workers = server.workers
        yield server
        assert server.workers == workers, server.log.read_text()
        assert "Traceback" not in server.log.read_text()
        assert knock(server, [upload(jpeg())]) == "200"
        assert peak_megabytes(server) <= MOST_MEGABYTES


def test_every_hostile_upload_is_answered_as_it_should_be(server: Server) -> None:
    corpus = list(uploads())
    assert len({one.name for one in corpus}) == len(corpus) >= 200
    outcomes = {one.name: (knock(server, one.send()), one.allowed) for one in corpus}
    assert wrong(outcomes) == {}


def wrong(outcomes: Mapping[str, tuple[str, Allowed]]) -> dict[str, tuple[str, list[str]]]:
    return {
        name: (outcome, sorted(allowed))
        for name, (outcome, allowed) in outcomes.items()
        if outcome not in allowed
    }


def test_every_hostile_file_of_another_kind_is_answered_at_the_door_that_takes_them(
    server: Server,
) -> None:
    outcomes = {
        name: (knock(server, [upload_to_max(data)]), allowed)
        for name, data, allowed in others()
        if name.startswith(("png", "webp"))
    }
    assert wrong(outcomes) == {}


def test_the_largest_of_other_kinds_are_captioned_in_no_more_memory(server: Server) -> None:
    assert {knock(server, [upload_to_max(photo)]) for photo in largest_others()} == FINE


def test_many_of_the_largest_photos_at_once_are_captioned(server: Server) -> None:
    request = upload(largest())
    with ThreadPoolExecutor(24) as pool:
        outcomes = list(pool.map(lambda _: knock(server, [request]), range(24)))
    assert set(outcomes) == FINE


def test_photos_with_random_damage_are_captioned_or_refused(server: Server) -> None:
    outcomes = {knock(server, [upload(photo)]) for photo in mutants(150)}
    assert outcomes <= {
        "200",
        "413 too_many_pixels",
        "415 not_jpeg",
        "422 corrupt_photo",
    }
