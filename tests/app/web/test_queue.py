from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from threading import Event, Thread

import numpy as np
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from app.captioning.captioner import Encoding
from app.web.queue import (
    FIRST_PACE,
    MOST_ADMITTED,
    MOST_HELD_BYTES,
    MOST_READY,
    Asker,
    Queue,
    QueueFull,
    Ticket,
)
from tests.fakes import FakeCaptioner, fake_app, jpeg

SOMEBODY = Asker("10.0.0.1", "curl")
LONG = 1000.0


def nothing() -> None:
    pass


def join(queue: Queue, asker: Asker = SOMEBODY, weight: int = 1) -> Ticket:
    return queue.join(asker, weight, nothing)


def serve(tickets: list[Ticket]) -> list[Ticket]:
    """Serves all, and says in which order they were let in."""
    order: list[Ticket] = []
    while len(order) < len(tickets):
        admitted = [one for one in tickets if one.is_admitted and one not in order]
        assert admitted, "nobody is let in, though some wait"
        order += admitted
        for one in admitted:
            one.ready()
            one.leave()
    return order


def test_one_is_at_work_and_the_next_is_ready_and_no_more() -> None:
    queue = Queue(LONG)
    tickets = []
    for _ in range(9):
        tickets.append(join(queue))
        if tickets[-1].is_admitted:
            tickets[-1].ready()
    assert [one.is_admitted for one in tickets] == [True] * MOST_READY + [False] * 7
    assert queue.length == 9
    tickets[0].leave()
    assert tickets[2].is_admitted and not tickets[3].is_admitted


def test_slow_clients_do_not_hold_up_the_others() -> None:
    now = 0.0
    queue = Queue(LONG, clock=lambda: now)
    slow = [join(queue) for _ in range(MOST_ADMITTED - 1)]
    for _ in range(MOST_ADMITTED):
        now += 1
        queue.look()
    assert all(one.is_admitted for one in slow)
    quick = join(queue)
    assert quick.is_admitted
    now += 1
    assert not join(queue).is_admitted, "each has a thread, and there are no more"


def test_it_admits_no_more_bytes_than_memory_is_meant_for() -> None:
    queue = Queue(LONG)
    first, second = join(queue, weight=MOST_HELD_BYTES - 10), join(queue, weight=10)
    third = join(queue)
    assert first.is_admitted and second.is_admitted and not third.is_admitted
    second.leave()
    assert third.is_admitted


def test_a_request_alone_may_be_of_any_size() -> None:
    assert join(Queue(0), weight=2 * MOST_HELD_BYTES).is_admitted


def test_who_would_wait_too_long_is_told_when_to_come_back() -> None:
    queue = Queue(patience=2.5 * FIRST_PACE)
    with queue.place(SOMEBODY, MOST_HELD_BYTES):
        join(queue)
        join(queue)
        with pytest.raises(QueueFull) as full:
            join(queue)
        assert full.value.seconds == 1


def test_the_pace_is_that_of_the_last_requests() -> None:
    now = 0.0
    queue = Queue(patience=30, clock=lambda: now)
    for _ in range(100):
        ticket = join(queue)
        ticket.ready()
        now += 10
        ticket.leave()
    first = join(queue)
    first.ready()
    waiting = [join(queue, weight=MOST_HELD_BYTES) for _ in range(3)]
    with pytest.raises(QueueFull) as full:
        join(queue)
    assert full.value.seconds == 10
    assert len(serve([first, *waiting])) == 4


def test_a_person_with_one_photo_does_not_wait_for_somebody_s_five_hundred() -> None:
    queue = Queue(LONG)
    many = [join(queue, SOMEBODY, MOST_HELD_BYTES) for _ in range(500)]
    person = join(queue, Asker("10.0.0.2", "Firefox"), MOST_HELD_BYTES)
    beside = join(queue, Asker(SOMEBODY.address, "Firefox"), MOST_HELD_BYTES)
    order = serve([*many, person, beside])
    assert order.index(person) <= 2 and order.index(beside) <= 4


def test_one_who_has_much_to_ask_is_told_so_and_others_are_not() -> None:
    queue = Queue(patience=10 * FIRST_PACE)
    with pytest.raises(QueueFull):
        for _ in range(100):
            join(queue, SOMEBODY, MOST_HELD_BYTES)
    join(queue, Asker("10.0.0.2", ""), MOST_HELD_BYTES)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1, max_size=40),
    st.data(),
)
def test_everybody_is_let_in_once_and_turns_go_round(
    askers: list[tuple[str, str]], data: st.DataObject
) -> None:
    queue = Queue(LONG)
    let_in: list[int] = []

    def remember(number: int) -> Callable[[], None]:
        return lambda: let_in.append(number)

    tickets = [
        queue.join(Asker(*asker), MOST_HELD_BYTES, remember(number))
        for number, asker in enumerate(askers)
    ]
    leaving = data.draw(st.sets(st.sampled_from(range(len(tickets)))))
    for number in leaving:
        tickets[number].leave()
    stayed = [one for number, one in enumerate(tickets) if number not in leaving]
    if stayed:
        serve(stayed)
    assert queue.length == 0
    assert max(Counter(let_in).values()) == 1
    # At one program those who came first are first.
    for asker in set(askers):
        own = [number for number in let_in if askers[number] == asker]
        assert own == sorted(own)


def test_a_place_is_free_again_after_an_error() -> None:
    queue = Queue(0)
    for _ in range(3):
        with pytest.raises(RuntimeError), queue.place(SOMEBODY, MOST_HELD_BYTES):
            raise RuntimeError


class Slow(FakeCaptioner):
    """Looks at a photo until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.looking, self.let_go = Event(), Event()

    def encode(self, photo: np.ndarray) -> Encoding:
        self.looking.set()
        assert self.let_go.wait(10)
        return super().encode(photo)


def _post(app: Flask, path: str) -> TestResponse:
    return app.test_client().post(path, data={"photo": (BytesIO(jpeg()), "a.jpg")})


def test_beyond_its_patience_a_request_is_told_to_come_back() -> None:
    slow = Slow()
    app = fake_app(slow, queue=0)
    first: list[TestResponse] = []
    thread = Thread(target=lambda: first.append(_post(app, "/api/v1/captions")))
    thread.start()
    assert slow.looking.wait(10)
    with app.extensions["kantu"].queue.place(SOMEBODY, 1) as ready:  # the next
        ready.ready()
        refused, page = _post(app, "/api/v1/captions"), _post(app, "/")
    slow.let_go.set()
    thread.join()
    assert first[0].status_code == 200
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "busy")
    assert refused.headers["Retry-After"] == "1"
    assert (page.status_code, page.headers["Retry-After"]) == (503, "1")
    assert "Try again in 1 seconds" in page.text
    assert _post(app, "/api/v1/captions").status_code == 200


class Counting(FakeCaptioner):
    """Counts how many photos it looks at at once, and gives others the time to come."""

    now = most = 0

    def encode(self, photo: np.ndarray) -> Encoding:
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.05)
        self.now -= 1
        return super().encode(photo)


def test_those_who_wait_are_served_one_at_a_time() -> None:
    counting = Counting()
    app = fake_app(counting)
    statuses: list[int] = []
    threads = [
        Thread(target=lambda: statuses.append(_post(app, "/api/v1/captions").status_code))
        for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 24
    assert counting.most == 1
