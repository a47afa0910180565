"""The answers of IBM's MAX Image Caption Generator, as its README and its clients know them."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import Rate
from app.web.doors.max import _as_im2txt
from app.web.queue import MOST_HELD_BYTES, Asker
from tests.fakes import SAID, FakeCaptioner, fake_app, jpeg

PREDICT = "/model/predict"


def post(client: FlaskClient, photo: bytes | None = None, query: str = "") -> TestResponse:
    image = BytesIO(jpeg() if photo is None else photo)
    return client.post(PREDICT + query, data={"image": (image, "surfing.jpg")})


def test_it_answers_as_max_does(client: FlaskClient) -> None:
    answer = post(client).get_json()
    assert list(answer) == ["status", "predictions"]
    assert answer["status"] == "ok"
    first, second, third = answer["predictions"]
    assert list(first) == ["index", "caption", "probability"]
    assert [one["index"] for one in (first, second, third)] == ["0", "1", "2"]
    assert first["caption"] == "a red square ."
    assert first["probability"] == pytest.approx(0.15)


def test_imported_vocabularies_have_the_full_stop_already() -> None:
    assert _as_im2txt(("a", "dog", ".")) == "a dog ."
    assert _as_im2txt(("a", "dog")) == "a dog ."


def test_it_speaks_chinese_when_asked(client: FlaskClient) -> None:
    predictions = post(client, query="?language=zh").get_json()["predictions"]
    assert [one["caption"] for one in predictions] == SAID["zh"][:3]


def test_it_speaks_what_the_model_speaks() -> None:
    client = fake_app(FakeCaptioner(languages=("zh",))).test_client()
    assert post(client).get_json()["predictions"][0]["caption"] == SAID["zh"][0]


@pytest.mark.parametrize("language", ["fr", "all", ""])
def test_it_rejects_other_languages(
    client: FlaskClient, captioner: FakeCaptioner, language: str
) -> None:
    response = post(client, query=f"?language={language}")
    assert (response.status_code, error(response)) == (400, "unknown_language")
    assert captioner.seen == []


def error(response: TestResponse) -> str:
    """Its code. Every error has MAX's form and Kantu's."""
    answer = response.get_json()
    assert list(answer) == ["status", "message", "error"]
    assert answer["status"] == "error"
    assert answer["message"] == answer["error"]["message"]
    return answer["error"]["code"]


def test_its_errors_are_those_of_max_and_of_kantu(client: FlaskClient) -> None:
    assert error(post(client, b"GIF89a")) == "not_jpeg"
    assert error(client.get(PREDICT)) == "method_not_allowed"
    assert error(client.get("/model/nothing")) == "not_found"
    nothing = client.post(PREDICT, data={"photo": (BytesIO(jpeg()), "a.jpg")})
    assert (nothing.status_code, error(nothing)) == (400, "no_photo")
    assert "“image”" in nothing.get_json()["message"]


def test_it_takes_one_photo(client: FlaskClient, captioner: FakeCaptioner) -> None:
    images = [(BytesIO(jpeg()), "a.jpg"), (BytesIO(jpeg()), "b.jpg")]
    response = client.post(PREDICT, data={"image": images})
    assert (response.status_code, error(response)) == (413, "too_many_photos")
    assert captioner.seen == []


def test_the_limits_of_the_api_are_its_own() -> None:
    small = fake_app(max_bytes=100).test_client()
    assert error(post(small)) == "photo_too_large"
    assert error(post(fake_app(max_pixels=100).test_client())) == "too_many_pixels"
    limited = fake_app(rate_limit=Rate(1, 60, except_local=False)).test_client()
    assert post(limited).status_code == 200
    assert error(post(limited)) == "rate_limited"
    busy = fake_app(queue=0)
    queue, large = busy.extensions["kantu"].queue, (Asker(b"", ""), MOST_HELD_BYTES)
    with queue.place(*large), queue.place(*large):
        assert error(post(busy.test_client())) == "busy"


def test_a_private_server_wants_its_token() -> None:
    client = fake_app(token="secret").test_client()
    assert error(post(client)) == "unauthorized"
    assert error(client.get("/model/metadata")) == "unauthorized"
    headers = {"Authorization": "Bearer secret"}
    image = {"image": (BytesIO(jpeg()), "a.jpg")}
    assert client.post(PREDICT, data=image, headers=headers).status_code == 200


def test_metadata_has_the_fields_of_max(client: FlaskClient) -> None:
    assert client.get("/model/metadata").get_json() == {
        "id": "fake",
        "name": "Kantu fake",
        "description": "Captions photos. Languages: en, zh.",
        "type": "Image-to-Text Translation",
        "source": "http://localhost/",
    }
