from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.fakes import FakeCaptioner, fake_app, jpeg


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/captions", 405, "method_not_allowed"),
        ("POST", "/api/v1/models", 405, "method_not_allowed"),
    ],
)
def test_the_api_answers_errors_in_json(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    response = client.open(path, method=method, headers={"Accept": "text/html"})
    assert response.status_code == status
    assert response.get_json()["error"]["code"] == code


def test_pages_answer_errors_in_html(client: FlaskClient) -> None:
    response = client.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "There is nothing at this address." in response.text


def test_who_asks_for_json_gets_it(client: FlaskClient) -> None:
    response = client.get("/nothing", headers={"Accept": "application/json"})
    assert response.get_json()["error"]["code"] == "not_found"


def test_a_wrong_method_is_told_the_right_ones(client: FlaskClient) -> None:
    assert "POST" in client.get("/api/v1/captions").headers["Allow"]


@pytest.mark.parametrize("path", ["/?lang=zh", "/api/v1/captions?lang=zh"])
def test_what_is_wrong_with_a_photo_is_said_in_chinese(client: FlaskClient, path: str) -> None:
    for photos in ([b"GIF89a"], [jpeg(), b"GIF89a"]):
        files = [(BytesIO(photo), "a.jpg") for photo in photos]
        response = client.post(path, data={"photo": files})
        assert response.status_code == (415 if len(photos) == 1 else 200)
        assert "这是 GIF 文件，不是 JPEG" in response.text


@pytest.mark.parametrize(
    ("path", "mimetype"), [("/", "text/html"), ("/api/v1/captions", "application/json")]
)
def test_a_defect_is_an_error_like_others(path: str, mimetype: str) -> None:
    class Broken(FakeCaptioner):
        def encode(self, photo: np.ndarray) -> np.ndarray:
            raise RuntimeError("secret")

    app = fake_app(Broken())
    app.testing = False
    response = app.test_client().post(path, data={"photo": (BytesIO(jpeg()), "a.jpg")})
    assert (response.status_code, response.mimetype) == (500, mimetype)
    assert "secret" not in response.text
    assert "Something went wrong on the server." in response.text
    assert f"error {response.headers['X-Request-Id']}." in response.text
