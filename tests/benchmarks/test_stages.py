import time

import pytest
from flask import Flask

from benchmarks import stages
from benchmarks.stages import timed


@pytest.fixture
def client():
    app = Flask(__name__)
    stages.init_app(app)
    inner = timed("encode", lambda: time.sleep(0.02))
    outer = timed("beam", lambda: (inner(), time.sleep(0.01)))

    @app.get("/")
    def index():
        outer()
        return "done"

    return app.test_client()


def test_what_is_timed_within_another_stage_counts_once(client):
    spent = stages.read(client.get("/").headers, seconds=1)
    assert 20 <= spent["encode"] < spent["encode"] + spent["beam"] < 900
    assert spent["beam"] >= 10


def test_what_no_stage_takes_is_rendering(client):
    spent = stages.read(client.get("/").headers, seconds=1)
    assert sum(spent.values()) == pytest.approx(1000)


def test_outside_a_request_nothing_is_counted():
    assert timed("decode", lambda: "as ever")() == "as ever"
