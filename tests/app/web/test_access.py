from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import Rate
from tests.fakes import SAID, FakeCaptioner, fake_app, upload

TOKEN = "s3same-0pen"
API = "/api/v1/captions"


@pytest.fixture
def captioner() -> FakeCaptioner:
    return FakeCaptioner()


@pytest.fixture
def client(captioner: FakeCaptioner) -> FlaskClient:
    return fake_app(captioner, token=TOKEN).test_client()


def sign_in(client: FlaskClient, token: str = TOKEN, **options: str) -> TestResponse:
    return client.post("/sign-in", data={"token": token}, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v1/models"), ("POST", API), ("GET", "/api/v1/nothing")]
)
@pytest.mark.parametrize(
    "sent", [None, "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", TOKEN]
)
def test_the_api_refuses_who_has_no_token(
    client: FlaskClient, captioner: FakeCaptioner, method: str, path: str, sent: str | None
) -> None:
    data = upload() if method == "POST" else None
    headers = {"Authorization": sent} if sent else {}
    response = client.open(path, method=method, data=data, headers=headers)
    assert (response.status_code, response.get_json()["error"]["code"]) == (401, "unauthorized")
    assert response.get_json()["error"]["message"].startswith("This server is private.")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert captioner.seen == []


def test_the_api_lets_in_who_sends_the_token(client: FlaskClient) -> None:
    response = client.post(API, data=upload(), headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/"), ("GET", "/nothing")])
def test_the_page_is_a_sign_in_form_and_nothing_else(
    client: FlaskClient, captioner: FakeCaptioner, method: str, path: str
) -> None:
    data = upload() if method == "POST" else None
    response = client.open(path, method=method, data=data, headers={"Accept": "text/html"})
    assert (response.status_code, response.mimetype) == (401, "text/html")
    assert 'action="/sign-in?lang=en"' in response.text
    assert 'type="file"' not in response.text and SAID["en"][0] not in response.text
    assert captioner.seen == []


def test_who_signed_in_has_the_page_and_what_its_script_calls(client: FlaskClient) -> None:
    response = sign_in(client)
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    assert 'type="file"' in client.get("/").text
    assert SAID["en"][0] in client.post("/", data=upload()).text
    assert client.post(API, data=upload()).status_code == 200


def test_a_wrong_token_is_told_in_place(client: FlaskClient) -> None:
    response = sign_in(client, "wrong")
    assert response.status_code == 401
    assert "This is not the access token." in response.text
    assert "Set-Cookie" not in response.headers
    assert client.get("/").status_code == 401
    chinese = client.post("/sign-in?lang=zh", data={"token": "错"})
    assert "访问令牌不正确" in chinese.text


def test_the_cookie_is_for_this_site_alone_and_out_of_scripts_reach(client: FlaskClient) -> None:
    cookie = sign_in(client).headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
    cookie = sign_in(client, base_url="https://kantu.example").headers["Set-Cookie"]
    assert "Secure" in cookie


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/page.css"])
def test_what_is_no_secret_stays_open(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        assert response.status_code == 200


def test_tokens_cannot_be_tried_out_one_after_the_other() -> None:
    rate = Rate(3, 60, except_local=False)
    client = fake_app(token=TOKEN, rate_limit=rate).test_client()
    answers = [sign_in(client, f"guess-{number}").status_code for number in range(4)]
    assert answers == [401, 401, 401, 429]
    guess = {"Authorization": "Bearer guess"}
    assert client.get("/api/v1/models", headers=guess).status_code == 429
    assert client.get("/").status_code == 401, "who tries nothing is shown the form"


def test_without_a_token_there_is_nowhere_to_sign_in() -> None:
    assert sign_in(fake_app().test_client()).status_code == 404
