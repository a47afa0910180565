from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from app.captioning.captioner import Caption
from tests.fakes import SAID, FakeCaptioner, Guessing, Unmeasured, fake_app, jpeg, noise


def post(client: FlaskClient, photo: bytes, **fields: str) -> TestResponse:
    return client.post("/", data={"photo": (BytesIO(photo), "a.jpg"), **fields})


def shown_error(response: TestResponse) -> str:
    (error,) = re.findall(r'<p id="error"[^>]*>(.*?)</p>', response.text)
    return error


def test_the_page_asks_for_a_photo(client: FlaskClient) -> None:
    page = client.get("/").text
    assert '<form id="form" class="ask" method="post" enctype="multipart/form-data"' in page
    assert 'type="file" name="photo"' in page
    assert "What is in the picture?" in page


def test_the_form_answers_with_captions_in_both_languages(client: FlaskClient) -> None:
    response = post(client, jpeg())
    assert response.status_code == 200
    assert SAID["en"][0] in response.text and SAID["zh"][0] in response.text
    assert SAID["en"][1] in response.text, "an alternative"
    assert "1.5%" in response.text, "its chance"
    for words in (">Quite sure<", ">Not so sure<"):
        assert response.text.count(words) == 1
    assert shown_error(response) == ""


def test_beside_a_guess_stands_what_the_photo_may_show() -> None:
    page = post(fake_app(Guessing()).test_client(), jpeg()).text
    said = re.findall(r'<p class="perhaps" >(.*?)</p>', page)
    assert [re.sub("<.*?>", "", one) for one in said] == [
        "The photo may show: circle, paper",
        "The photo may show: 圆形、纸",
    ]


def test_of_a_model_that_does_not_know_the_page_does_not_say_how_sure_it_was() -> None:
    def says(captioner: FakeCaptioner) -> tuple[bool, bool]:
        page = post(fake_app(captioner).test_client(), jpeg()).text
        return ("data-step=" in page, "How sure: in a test with photos" in page)

    assert says(FakeCaptioner()) == (True, True)
    assert says(Unmeasured()) == (False, False)


def test_the_form_answers_in_the_chosen_language_alone(client: FlaskClient) -> None:
    page = post(client, jpeg(), language="zh").text
    assert SAID["zh"][0] in page and SAID["en"][0] not in page
    assert 'value="zh" checked' in page, "the choice stays"


def test_the_answer_shows_a_small_copy_of_the_photo(client: FlaskClient) -> None:
    (data,) = re.findall(
        r'src="data:image/jpeg;base64,([^"]+)"', post(client, jpeg(2000, 1000)).text
    )
    assert Image.open(BytesIO(b64decode(data))).size == (800, 400)


@pytest.mark.parametrize(
    ("photo", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"GIF89a", 415, "GIF"),
        (jpeg()[:300], 422, "damaged"),
    ],
)
def test_an_error_stands_in_the_page(
    client: FlaskClient, photo: bytes, status: int, words: str
) -> None:
    response = post(client, photo, language="zh")
    assert response.status_code == status
    assert words in shown_error(response)
    assert 'aria-invalid="true"' in response.text
    assert 'value="zh" checked' in response.text


def test_it_asks_for_a_photo_where_none_was_chosen(client: FlaskClient) -> None:
    response = client.post("/", data={"photo": (BytesIO(), "")})
    assert response.status_code == 400
    assert shown_error(response) == "Choose a photo first."


def test_several_photos_get_a_card_each_with_captions_or_an_error(client: FlaskClient) -> None:
    photos = [(BytesIO(jpeg()), "a.jpg"), (BytesIO(b"GIF89a"), "b.jpg"), (BytesIO(jpeg()), "c.jpg")]
    response = client.post("/", data={"photo": photos, "language": "en"})
    assert response.status_code == 200
    assert shown_error(response) == ""
    names = re.findall(r"<h3[^>]*>(.+?)</h3>", response.text)
    states = re.findall(r'<li class="card" data-state="(.+?)"', response.text)
    assert list(zip(names, states, strict=True)) == [
        ("a.jpg", "done"),
        ("b.jpg", "failed"),
        ("c.jpg", "done"),
    ]
    assert '<p class="error">This file is GIF, not JPEG.' in response.text


def test_where_no_photo_can_be_read_the_answer_is_the_first_error(client: FlaskClient) -> None:
    photos = [(BytesIO(b"GIF89a"), "a.jpg"), (BytesIO(jpeg()[:300]), "b.jpg")]
    response = client.post("/", data={"photo": photos})
    assert response.status_code == 415
    assert "GIF" in shown_error(response)
    assert response.text.count('data-state="failed"') == 2, "each says what is wrong with it"


def test_more_photos_than_allowed_are_refused() -> None:
    client = fake_app(max_photos=2).test_client()
    response = client.post("/", data={"photo": [(BytesIO(jpeg()), "a.jpg") for _ in range(3)]})
    assert response.status_code == 413
    assert shown_error(response).startswith("Too many photos: 2 at most")


@pytest.mark.parametrize(
    ("side", "sentence"),
    [
        (200, "This photo is larger than 0.02 MB."),
        (600, "Too large: a photo may have up to 0.02 MB, and all photos of one request 0.16 MB."),
    ],
    ids=["read", "not even read"],
)
def test_a_photo_too_large_gets_a_sentence_with_the_limit(side: int, sentence: str) -> None:
    client = fake_app(max_bytes=20_480).test_client()
    assert post(client, noise(60, 60)).status_code == 200
    response = post(client, noise(side, side))
    assert response.status_code == 413
    assert shown_error(response).startswith(sentence)
    assert 'data-too-large="This photo is larger than 0.02 MB.' in response.text


def test_what_the_captioner_says_is_escaped() -> None:
    class Hostile(FakeCaptioner):
        def decode(self, *_: Any) -> list[Caption]:
            return [Caption("<script>alert(1)</script>", (), -1.0)]

    page = post(fake_app(Hostile()).test_client(), jpeg()).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_one_language_and_one_model_leave_no_choice() -> None:
    page = fake_app(FakeCaptioner("only", ("zh",))).test_client().get("/").text
    assert 'name="language"' not in page and 'name="model"' not in page


def test_several_models_can_be_chosen_from() -> None:
    client = fake_app(FakeCaptioner("one"), FakeCaptioner("two")).test_client()
    page = post(client, jpeg(), model="two").text
    assert '<option value="one">one</option>' in page
    assert '<option value="two" selected>two</option>' in page


@pytest.mark.parametrize("path", ["/", "/api", "/missing"])
def test_behind_a_proxy_every_address_is_below_its_prefix(path: str) -> None:
    """Where the proxy is trusted: what anybody sends must not change where scripts come from."""

    def addresses(proxies: int) -> set[str]:
        client = fake_app(proxies=proxies).test_client()
        page = client.get(path, headers={"X-Forwarded-Prefix": "/kantu"}).text
        found = set(re.findall(r'(?:href|src|action)="(/[^"]*)"', page))
        assert found
        return found

    assert all(address.startswith("/kantu/") for address in addresses(proxies=1))
    assert not any(address.startswith("/kantu") for address in addresses(proxies=0))
