from __future__ import annotations

import math
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes import (
    PERHAPS,
    SAID,
    FakeCaptioner,
    Guessing,
    Unmeasured,
    fake_app,
    jpeg,
    noise,
)


def post(client: FlaskClient, *photos: bytes, **fields: str) -> TestResponse:
    files = [(BytesIO(photo), f"{number}.jpg") for number, photo in enumerate(photos)]
    return client.post("/api/v1/captions", data={"photo": files, **fields})


def captions(response: TestResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return response.get_json()["photos"][0]["captions"]


def error(response: TestResponse) -> tuple[int, str]:
    assert list(response.get_json()) == ["error"]
    assert list(response.get_json()["error"]) == ["code", "message"]
    return response.status_code, response.get_json()["error"]["code"]


def test_it_captions_a_photo_in_every_language(client: FlaskClient) -> None:
    response = post(client, jpeg())
    assert response.get_json()["model"] == "fake"
    assert response.get_json()["photos"][0]["name"] == "0.jpg"
    assert [(one["language"], one["text"]) for one in captions(response)] == [
        ("en", SAID["en"][0]),
        ("zh", SAID["zh"][0]),
    ]
    assert SAID["zh"][0] in response.text, "Chinese is not escaped"


def test_a_caption_has_its_probability_and_alternatives(client: FlaskClient) -> None:
    (caption,) = captions(post(client, jpeg(), language="en"))
    assert caption["probability"] == pytest.approx(0.15)
    assert caption["log_probability"] == pytest.approx(math.log(0.15))
    assert [one["text"] for one in caption["alternatives"]] == SAID["en"][1:3]
    assert caption["alternatives"][0]["probability"] == pytest.approx(0.015)
    assert caption["alternatives"][0]["log_probability"] == pytest.approx(math.log(0.015))


def test_a_caption_says_how_sure_the_model_was(client: FlaskClient) -> None:
    english, chinese = captions(post(client, jpeg()))
    assert (english["confidence"], chinese["confidence"]) == ("sure", "unsure")
    assert [one["confidence"] for one in english["alternatives"]] == ["guess", "guess"]


def test_beside_a_guess_stands_what_the_photo_may_show(client: FlaskClient) -> None:
    for caption in captions(post(client, jpeg())):
        assert "perhaps" not in caption
        expected = list(PERHAPS[caption["language"]])
        assert [one["perhaps"] for one in caption["alternatives"]] == [expected] * 2
    guesses = captions(post(fake_app(Guessing()).test_client(), jpeg()))
    assert [one["perhaps"] for one in guesses] == [list(words) for words in PERHAPS.values()]


def test_a_model_that_does_not_know_says_nothing_of_it() -> None:
    client = fake_app(Unmeasured()).test_client()
    for caption in captions(post(client, jpeg())):
        assert "confidence" not in caption and "confidence" not in caption["alternatives"][0]
    api = client.get("/api/v1/openapi.json").get_json()
    answer = api["paths"]["/api/v1/captions"]["post"]["responses"]["200"]["content"]
    (best,) = answer["application/json"]["example"]["photos"][0]["captions"]
    assert "confidence" not in best


@pytest.mark.parametrize(
    ("fields", "alternatives"),
    [
        ({}, 2),
        ({"beam_width": "1"}, 0),
        ({"beam_width": "4"}, 3),
        ({"alternatives": "0"}, 0),
        ({"beam_width": "4", "alternatives": "1"}, 1),
        ({"beam_width": "", "alternatives": "", "model": "", "language": ""}, 2),
    ],
)
def test_it_gives_as_many_alternatives_as_asked(
    client: FlaskClient, fields: dict[str, str], alternatives: int
) -> None:
    for caption in captions(post(client, jpeg(), **fields)):
        assert len(caption["alternatives"]) == alternatives


def test_it_looks_at_a_photo_once_for_all_languages(
    client: FlaskClient, captioner: FakeCaptioner
) -> None:
    post(client, jpeg(64, 48))
    assert captioner.seen == [(48, 64, 3)]


def test_it_captions_several_photos_in_order(client: FlaskClient) -> None:
    photos = post(client, jpeg(), jpeg(), jpeg()).get_json()["photos"]
    assert [photo["name"] for photo in photos] == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_bad_photo_among_good_ones_has_an_error_in_its_place(client: FlaskClient) -> None:
    response = post(client, jpeg(), b"GIF89a", jpeg())
    assert response.status_code == 200
    good, bad, other = response.get_json()["photos"]
    assert "captions" in good and "captions" in other
    assert list(bad) == ["name", "error"]
    assert bad["error"]["code"] == "not_jpeg"
    assert "GIF" in bad["error"]["message"]


@pytest.mark.parametrize("fields", [{}, {"language": "zh", "beam_width": "4"}])
def test_the_same_request_gets_the_same_answer(client: FlaskClient, fields: dict[str, str]) -> None:
    photos = (jpeg(), b"GIF89a", noise(50, 50))
    answers = {post(client, *photos, **fields).data for _ in range(3)}
    assert len(answers) == 1


def test_the_names_of_photos_are_not_written_down(
    captioner: FakeCaptioner, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    files = [(BytesIO(photo), "grandma-in-hospital.jpg") for photo in (jpeg(), b"GIF89a")]
    with caplog.at_level("DEBUG"):
        response = fake_app(captioner).test_client().post("/api/v1/captions", data={"photo": files})
    assert [one["name"] for one in response.get_json()["photos"]] == ["grandma-in-hospital.jpg"] * 2
    assert "POST /api/v1/captions 200" in caplog.text
    assert "grandma" not in caplog.text + "".join(capfd.readouterr())


def test_bad_photos_alone_give_the_first_error(client: FlaskClient) -> None:
    assert error(post(client, b"GIF89a", b"")) == (415, "not_jpeg")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"language": "fr"}, (400, "unknown_language")),
        ({"language": "zh-CN"}, (400, "unknown_language")),
        ({"model": "gpt"}, (404, "unknown_model")),
        ({"beam_width": "0"}, (400, "bad_parameter")),
        ({"beam_width": "11"}, (400, "bad_parameter")),
        ({"beam_width": "3.0"}, (400, "bad_parameter")),
        ({"beam_width": "9" * 5000}, (400, "bad_parameter")),
        ({"beam_width": "３"}, (400, "bad_parameter")),
        ({"alternatives": "-1"}, (400, "bad_parameter")),
        ({"alternatives": "3"}, (400, "bad_parameter")),
        ({"beam_width": "1", "alternatives": "1"}, (400, "bad_parameter")),
    ],
)
def test_it_rejects_bad_fields(
    client: FlaskClient,
    captioner: FakeCaptioner,
    fields: dict[str, str],
    expected: tuple[int, str],
) -> None:
    assert error(post(client, jpeg(), **fields)) == expected
    assert captioner.seen == []


def test_a_bad_parameter_is_named_with_its_range(client: FlaskClient) -> None:
    message = post(client, jpeg(), beam_width="11").get_json()["error"]["message"]
    assert message == "beam_width is “11”, but must be a whole number from 1 to 10."


def test_it_rejects_a_request_without_photo(client: FlaskClient) -> None:
    assert error(client.post("/api/v1/captions", data={"language": "en"})) == (400, "no_photo")
    assert error(client.post("/api/v1/captions", json={"photo": "x"})) == (400, "no_photo")
    assert error(client.post("/api/v1/captions", data={"photo": "text"})) == (400, "no_photo")
    nameless = {"photo": (BytesIO(b""), "")}
    assert error(client.post("/api/v1/captions", data=nameless)) == (400, "no_photo")


def test_it_rejects_too_many_photos(captioner: FakeCaptioner) -> None:
    client = fake_app(captioner, max_photos=2).test_client()
    assert post(client, jpeg(), jpeg()).status_code == 200
    captioner.seen.clear()
    assert error(post(client, jpeg(), jpeg(), jpeg())) == (413, "too_many_photos")
    assert error(post(client, *[jpeg()] * 100)) == (413, "request_too_large")
    assert captioner.seen == []


def test_it_rejects_a_photo_that_is_too_large() -> None:
    client = fake_app(max_bytes=102_400, max_photos=1).test_client()
    assert post(client, noise(200, 200)).status_code == 200
    # Small enough to be read, and too large to be read at all.
    for side in (400, 600):
        assert error(post(client, noise(side, side))) == (413, "photo_too_large")


def test_photos_that_are_too_large_together_are_told_both_limits() -> None:
    client = fake_app(max_bytes=100 * 1024, max_photos=2).test_client()
    response = post(client, *[noise(300, 300)] * 4)
    assert error(response) == (413, "photo_too_large")
    assert "0.098 MB" in response.get_json()["error"]["message"]
    assert "0.2 MB" in response.get_json()["error"]["message"]


def test_it_rejects_a_photo_of_too_many_pixels() -> None:
    client = fake_app(max_pixels=60_000).test_client()
    assert error(post(client, jpeg(300, 300))) == (413, "too_many_pixels")


def test_its_errors_are_in_the_language_of_the_client(client: FlaskClient) -> None:
    chinese = {"Accept-Language": "zh-CN,en;q=0.8"}
    response = client.post("/api/v1/captions", headers=chinese)
    assert "照片" in response.get_json()["error"]["message"]


def test_models_lists_what_can_be_asked_for() -> None:
    client = fake_app(FakeCaptioner("one"), FakeCaptioner("two", ("zh",))).test_client()
    assert client.get("/api/v1/models").get_json() == {
        "models": [
            {"name": "one", "languages": ["en", "zh"], "default": True, "objects": []},
            {"name": "two", "languages": ["zh"], "default": False, "objects": []},
        ],
        "beam_width": {"least": 1, "most": 10, "default": 3},
    }


def test_the_model_asked_for_is_the_one_that_answers() -> None:
    one, two = FakeCaptioner("one"), FakeCaptioner("two", ("zh",))
    client = fake_app(one, two).test_client()
    response = post(client, jpeg(), model="two")
    assert response.get_json()["model"] == "two"
    assert [caption["language"] for caption in captions(response)] == ["zh"]
    assert (len(one.seen), len(two.seen)) == (0, 1)
    assert error(post(client, jpeg(), model="two", language="en")) == (400, "unknown_language")
