from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.web.errors import STATUSES
from app.web.problems import TITLES
from app.web.queue import MOST_HELD_BYTES, Asker
from tests.fakes import fake_app, upload

PROBLEM = "application/problem+json"
API = "/api/v1/captions"


@pytest.mark.parametrize(
    "accept",
    [PROBLEM, f"{PROBLEM}, application/json", f"application/json, {PROBLEM}", f"*/*, {PROBLEM}"],
)
def test_who_asks_for_a_problem_gets_one(client: FlaskClient, accept: str) -> None:
    response = client.post(API, data=upload(b"GIF89a"), headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (415, PROBLEM)
    assert response.get_json() == {
        "type": "/api#not_jpeg",
        "title": "The file is not a photo of a kind that is taken",
        "status": 415,
        "detail": "This file is GIF, not JPEG. Save or export the photo as JPEG and send that.",
        "code": "not_jpeg",
        "request_id": response.headers["X-Request-Id"],
    }


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/*", "application/json", f"{PROBLEM};q=0, */*", f"*/*, {PROBLEM};q=0.5"],
)
def test_who_does_not_gets_json(client: FlaskClient, accept: str) -> None:
    response = client.post(API, data=upload(b"GIF89a"), headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (415, "application/json")
    assert list(response.get_json()) == ["error"]


def test_a_problem_is_in_the_language_of_the_client(client: FlaskClient) -> None:
    headers = {"Accept": PROBLEM, "Accept-Language": "zh-CN"}
    problem = client.get("/api/v1/nothing", headers=headers).get_json()
    assert problem["title"] == "没有这个地址"


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v1/models"])
def test_a_private_server_says_so_in_a_problem(path: str) -> None:
    response = fake_app(token="secret").test_client().get(path, headers={"Accept": PROBLEM})
    assert (response.status_code, response.get_json()["code"]) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_problem_keeps_the_headers_of_its_error() -> None:
    app = fake_app(queue=0)
    queue, large = app.extensions["kantu"].queue, (Asker(b"", ""), MOST_HELD_BYTES)
    with queue.place(*large), queue.place(*large):
        response = app.test_client().post(API, data=upload(), headers={"Accept": PROBLEM})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


def test_every_code_has_a_title_and_its_place_on_the_page(client: FlaskClient) -> None:
    assert set(TITLES) == set(STATUSES)
    page = client.get("/api").text
    for code in STATUSES:
        assert f'<tr id="{code}">' in page
