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
from app.web import queue as queues
from app.web.queue import (
    FIRST_PACE,
    MOST_CHARGED,
    MOST_HELD_BYTES,
    MOST_OF_ADDRESS,
    MOST_READY,
    MOST_WAITING,
    MOST_WAITING_OF_ADDRESS,
    SOON,
    Asker,
    Queue,
    QueueFull,
    Ticket,
)
from tests.fakes import FakeCaptioner, fake_app, jpeg

SOMEBODY = Asker(b"1", "curl")
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


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def slow_ones(queue: Queue, clock: Clock, number: int, asker: Asker, weight: int) -> list[Ticket]:
    tickets = [join(queue, asker, weight) for _ in range(number)]
    for _ in range(number):
        clock.now += SOON
        queue.look()
    return tickets


def test_slow_clients_of_one_address_hold_up_nobody_else() -> None:
    clock = Clock()
    queue = Queue(LONG, clock)
    slow = slow_ones(queue, clock, 40, SOMEBODY, MOST_HELD_BYTES // 3)
    assert sum(one.is_admitted for one in slow) == MOST_OF_ADDRESS
    assert join(queue, Asker(b"2", "Firefox"), 10_000_000).is_admitted


def test_slow_clients_count_as_what_has_arrived() -> None:
    clock = Clock()
    queue = Queue(LONG, clock)
    (slow,) = slow_ones(queue, clock, 1, SOMEBODY, MOST_HELD_BYTES)
    slow.arrive(MOST_HELD_BYTES - 10)
    assert join(queue, weight=10).is_admitted
    assert not join(queue, weight=10).is_admitted


def test_where_there_is_no_memory_slow_ones_wait_for_it_and_the_first_goes_on() -> None:
    clock = Clock()
    queue = Queue(LONG, clock)
    first, second = slow_ones(queue, clock, 2, SOMEBODY, MOST_HELD_BYTES)
    first.arrive(MOST_HELD_BYTES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues.time, "sleep", lambda _: None)
        with pytest.raises(QueueFull):
            second.arrive(10)
        first.arrive(10)
        patch.setattr(queues.time, "sleep", lambda _: first.leave())
        second.arrive(1)
        assert not second.pauses


def test_what_a_request_says_that_it_will_send_holds_up_nobody() -> None:
    clock = Clock()
    queue = Queue(LONG, clock)
    (slow,) = slow_ones(queue, clock, 1, SOMEBODY, 10_000_000)
    slow.arrive(20_000_000)
    large = join(queue, Asker(b"2", ""), 2 * MOST_HELD_BYTES)
    small = join(queue, Asker(b"3", ""), 50_000)
    assert small.is_admitted
    slow.leave()
    assert large.is_admitted


def test_only_so_many_wait() -> None:
    queue = Queue(patience=1e9)
    many = [Asker(str(number).encode(), "") for number in range(1000)]
    with pytest.raises(QueueFull):
        for asker in many:
            join(queue, asker, MOST_CHARGED)
    assert queue.length <= MOST_WAITING + 2
    queue = Queue(patience=1e9)
    with pytest.raises(QueueFull):
        for _ in range(1000):
            join(queue, SOMEBODY, MOST_CHARGED)
    assert MOST_WAITING_OF_ADDRESS <= queue.length <= MOST_WAITING_OF_ADDRESS + 2
    join(queue, Asker(b"2", ""), MOST_CHARGED)


def test_who_hardly_sends_is_stalled_where_others_wait() -> None:
    clock = Clock()
    queue = Queue(LONG, clock)
    (slow,) = slow_ones(queue, clock, 1, SOMEBODY, 10)
    clock.now += 60
    assert not queue.is_stalled(slow), "nobody waits"
    waiting = [join(queue) for _ in range(9)]
    assert not waiting[-1].is_admitted
    assert queue.is_stalled(slow)
    slow.arrive(60 * 10_000 + 20_000)
    assert not queue.is_stalled(slow)
    slow.ready()
    assert not queue.is_stalled(slow)


def test_slow_uploads_say_nothing_of_the_pace() -> None:
    clock = Clock()
    queue = Queue(patience=10, clock=clock)
    for _ in range(50):
        (slow,) = slow_ones(queue, clock, 1, SOMEBODY, 1)
        clock.now += 60
        slow.ready()
        slow.leave()
    waiting = [join(queue, weight=MOST_HELD_BYTES) for _ in range(50)]
    assert len(waiting) == 50


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
    clock = Clock()
    queue = Queue(patience=30, clock=clock)
    for _ in range(100):
        ticket = join(queue)
        ticket.ready()
        clock.now += 10
        ticket.leave()
    first = join(queue)
    first.ready()
    waiting = [join(queue, weight=MOST_HELD_BYTES) for _ in range(3)]
    with pytest.raises(QueueFull) as full:
        join(queue)
    assert full.value.seconds == 10
    assert len(serve([first, *waiting])) == 4


def test_a_person_with_one_photo_does_not_wait_for_somebody_s_two_hundred() -> None:
    queue = Queue(LONG)
    many = [join(queue, SOMEBODY, MOST_HELD_BYTES) for _ in range(200)]
    person = join(queue, Asker(b"2", "Firefox"), MOST_HELD_BYTES)
    beside = join(queue, Asker(SOMEBODY.address, "Firefox"), MOST_HELD_BYTES)
    order = serve([*many, person, beside])
    assert order.index(person) <= 4 and order.index(beside) <= 8


def test_one_who_has_much_to_ask_is_told_so_and_others_are_not() -> None:
    queue = Queue(patience=10 * FIRST_PACE)
    with pytest.raises(QueueFull):
        for _ in range(100):
            join(queue, SOMEBODY, MOST_HELD_BYTES)
    join(queue, Asker(b"2", ""), MOST_HELD_BYTES)


@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from("xy")),
        min_size=1,
        max_size=40,
    ),
    st.data(),
)
def test_everybody_is_let_in_once_and_turns_go_round(
    askers: list[tuple[bytes, str]], data: st.DataObject
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
