from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes import FakeCaptioner, fake_app, upload

BLOG = "https://blog.example"
EVIL = "https://evil.example"
API = "/api/v1/captions"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
FROM_PAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


@pytest.fixture
def captioner() -> FakeCaptioner:
    return FakeCaptioner()


def client_of(captioner: FakeCaptioner, *origins: str, **settings: str) -> FlaskClient:
    return fake_app(captioner, cors=origins, **settings).test_client()


def ask(client: FlaskClient, path: str = API, origin: str = BLOG) -> TestResponse:
    return client.options(path, headers={"Origin": origin, **ASKS})


def post(client: FlaskClient, path: str = API, origin: str = BLOG, **headers: str) -> TestResponse:
    data = upload()
    data["image"] = upload()["photo"]
    return client.post(path, data=data, headers={"Origin": origin, **FROM_PAGE, **headers})


def cors_headers(response: TestResponse) -> set[str]:
    return {name for name, _value in response.headers if name.startswith("Access-Control")}


@pytest.mark.parametrize("path", ["/", "/api", API, "/api/v1/models", "/model/predict", "/healthz"])
def test_nothing_is_allowed_unless_it_is_configured(client: FlaskClient, path: str) -> None:
    assert not cors_headers(ask(client, path))
    assert not cors_headers(client.get(path, headers={"Origin": BLOG, **FROM_PAGE}))


def test_other_sites_are_refused_unless_it_is_configured(
    client: FlaskClient, captioner: FakeCaptioner
) -> None:
    for path in (API, "/model/predict"):
        response = post(client, path)
        assert response.status_code == 403
        assert not cors_headers(response)
    assert captioner.seen == []


@pytest.mark.parametrize("path", [API, "/api/v1/models", "/model/predict", "/api/v1/nothing"])
def test_a_site_on_the_list_may_ask(captioner: FakeCaptioner, path: str) -> None:
    response = ask(client_of(captioner, EVIL, BLOG), path)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == BLOG
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("path", [API, "/model/predict"])
@pytest.mark.parametrize("allowed", [BLOG, "*"])
def test_and_reads_the_answer(captioner: FakeCaptioner, path: str, allowed: str) -> None:
    response = post(client_of(captioner, allowed), path)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == BLOG
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_it_reads_errors_too(captioner: FakeCaptioner) -> None:
    response = client_of(captioner, BLOG).post(API, headers={"Origin": BLOG, **FROM_PAGE})
    assert response.get_json()["error"]["code"] == "no_photo"
    assert response.headers["Access-Control-Allow-Origin"] == BLOG


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "http://blog.example",
        f"{BLOG}:8443",
        f"{BLOG}.evil.example",
        "null",
        "https://BLOG.example",
    ],
)
def test_a_site_that_is_not_on_the_list_is_refused(captioner: FakeCaptioner, origin: str) -> None:
    client = client_of(captioner, BLOG)
    assert not cors_headers(ask(client, origin=origin))
    response = post(client, origin=origin)
    assert response.status_code == 403
    assert not cors_headers(response)
    assert captioner.seen == []


@pytest.mark.parametrize("allowed", [BLOG, "*"])
def test_the_page_itself_stays_closed(captioner: FakeCaptioner, allowed: str) -> None:
    client = client_of(captioner, allowed)
    assert not cors_headers(ask(client, "/"))
    response = post(client, "/")
    assert response.status_code == 403
    assert not cors_headers(response)
    assert captioner.seen == []


def test_the_page_of_the_server_itself_still_works(captioner: FakeCaptioner) -> None:
    client = client_of(captioner, "*", token="secret")
    client.set_cookie("token", "secret")
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post(API, data=upload(), headers=headers).status_code == 200


def test_a_browser_may_ask_before_it_sends_the_token(captioner: FakeCaptioner) -> None:
    client = client_of(captioner, BLOG, token="secret")
    assert ask(client).status_code == 204
    assert post(client, Authorization="Bearer secret").status_code == 200
    refused = post(client, Authorization="Bearer wrong")
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == BLOG


@pytest.mark.parametrize("relation", ["cross-site", "same-site"])
def test_the_cookie_of_a_reader_is_of_no_use_to_another_site(
    captioner: FakeCaptioner, relation: str
) -> None:
    client = client_of(captioner, "*", token="secret")
    client.set_cookie("token", "secret")
    response = client.post(API, data=upload(), headers={"Origin": BLOG, "Sec-Fetch-Site": relation})
    assert response.status_code == 401
    assert captioner.seen == []
