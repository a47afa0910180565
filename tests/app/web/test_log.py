from __future__ import annotations

import logging
import re

import numpy as np
import pytest
from flask.logging import default_handler
from flask.testing import FlaskClient

from tests.fakes import FakeCaptioner, fake_app, multipart, upload


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, in the format in which it is written."""
    caplog.handler.setFormatter(default_handler.formatter)
    caplog.handler.addFilter(default_handler.filters[0])
    return caplog


def test_each_request_has_an_id_of_its_own(client: FlaskClient) -> None:
    ids = {client.get(path).headers["X-Request-Id"] for path in ("/", "/", "/no", "/healthz")}
    assert len(ids) == 4
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)


@pytest.mark.parametrize(
    ("given", "believed"),
    [
        ("4bf92f3577b34da6", True),
        ("a.b_c-D", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("two words", False),
        ("é", False),
        ("", False),
    ],
)
def test_an_id_is_taken_from_a_trusted_proxy_alone_and_only_a_plain_one(
    given: str, believed: bool
) -> None:
    def answered(proxies: int) -> str:
        client = fake_app(proxies=proxies).test_client()
        return client.get("/", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert (answered(proxies=1) == given) == believed
    assert answered(proxies=0) != given


def test_a_request_gets_one_line_that_says_nothing_of_who_and_what(
    client: FlaskClient, lines: pytest.LogCaptureFixture
) -> None:
    lines.clear()
    response = client.post(
        "/api/v1/captions?lang=zh&secret=1",
        data=multipart(b"GIF89a"),
        content_type="multipart/form-data; boundary=boundary",
        environ_base={"REMOTE_ADDR": "203.0.113.7"},
    )
    (line,) = lines.text.splitlines()
    wanted = r"\[.+\] \[INFO\] \[{}\] POST /api/v1/captions 415 \d+ ms"
    assert re.fullmatch(wanted.format(response.headers["X-Request-Id"]), line)


def test_a_path_cannot_write_lines_of_its_own_nor_long_ones(
    client: FlaskClient, lines: pytest.LogCaptureFixture
) -> None:
    lines.clear()
    client.get("/a%0A%1B[31m" + "x" * 1000)
    (line,) = lines.text.splitlines()
    assert "/a%0A%1B%5B31mxxx" in line and len(line) < 300


def test_the_lines_can_be_turned_off_and_faults_still_show(
    lines: pytest.LogCaptureFixture,
) -> None:
    class Broken(FakeCaptioner):
        def encode(self, photo: np.ndarray) -> np.ndarray:
            raise RuntimeError("a fault")

    app = fake_app(Broken(), log=False)
    app.testing = False
    lines.clear()
    app.test_client().get("/")
    assert lines.text == ""
    response = app.test_client().post("/api/v1/captions", data=upload())
    assert f"[ERROR] [{response.headers['X-Request-Id']}]" in lines.text
    assert "RuntimeError: a fault" in lines.text
    assert [record.levelno for record in lines.records] == [logging.ERROR]
