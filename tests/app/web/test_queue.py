from __future__ import annotations

import time
from contextlib import ExitStack
from io import BytesIO
from threading import Event, Thread

import numpy as np
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.captioning.captioner import Encoding
from app.web.queue import MOST_HELD_BYTES, Queue, QueueFull
from tests.fakes import FakeCaptioner, fake_app, jpeg


def test_it_admits_one_more_than_may_wait() -> None:
    queue = Queue(waiting=2)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(queue.place(1))
        with pytest.raises(QueueFull), queue.place(1):
            pass
    with queue.place(1):
        pass


def test_it_admits_no_more_bytes_than_memory_is_meant_for() -> None:
    queue = Queue(waiting=9)
    with queue.place(MOST_HELD_BYTES - 10), queue.place(10), pytest.raises(QueueFull):
        queue.place(1).__enter__()
    with queue.place(10):
        pass


def test_a_request_alone_may_be_of_any_size() -> None:
    with Queue(waiting=0).place(MOST_HELD_BYTES * 2):
        pass


def test_a_place_is_free_again_after_an_error() -> None:
    queue = Queue(waiting=0)
    for _ in range(3):
        with pytest.raises(RuntimeError), queue.place(MOST_HELD_BYTES):
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


def test_beyond_the_queue_a_request_is_told_to_come_back() -> None:
    slow = Slow()
    app = fake_app(slow, queue=0)
    first: list[TestResponse] = []
    thread = Thread(target=lambda: first.append(_post(app, "/api/v1/captions")))
    thread.start()
    assert slow.looking.wait(10)
    refused, page = _post(app, "/api/v1/captions"), _post(app, "/")
    slow.let_go.set()
    thread.join()
    assert first[0].status_code == 200
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "busy")
    assert refused.headers["Retry-After"] == "5"
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "Try again in a few seconds" in page.text
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
    app = fake_app(counting, queue=3)
    statuses: list[int] = []
    threads = [
        Thread(target=lambda: statuses.append(_post(app, "/api/v1/captions").status_code))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    assert counting.most == 1
