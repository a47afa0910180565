"""What the doors have in common: languages that prompts tell, names of models, photos in base64."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app.web.doors.asking import language_of, photo_of, pieces, words_in
from app.web.doors.forms import in_schema
from app.web.errors import BadFormat
from app.web.queue import MOST_HELD_BYTES, Asker
from tests.fakes import PERHAPS, SAID, FakeCaptioner, PointingCaptioner, Unlabelled, fake_app, jpeg

GENERATE, CHAT = "/api/generate", "/v1/chat/completions"
PHOTO = base64.b64encode(jpeg()).decode()


def generate(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    answer = client.post(GENERATE, json={"images": [PHOTO], "stream": False, **fields})
    return {"status": answer.status_code, **answer.get_json()}


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("Describe this image.", None),
        ("", None),
        ("描述这张照片", "zh"),
        ("Beschreibe das Bild", None),
        ("Write an alt text in Chinese", "zh"),
        ("Answer in simplified Chinese, please", "zh"),
        ("Give a Chinese caption", "zh"),
        ("Describe the Chinese dragon", None),
        ("请用英文描述", "en"),
        ("用英语回答这个问题", "en"),
        ("Describe 这张照片 in English", "en"),
        ("写真を説明してください", None),
    ],
)
def test_a_prompt_tells_the_language(prompt: str, language: str | None) -> None:
    assert language_of(prompt) == language


def test_the_name_of_the_model_outweighs_the_prompt(client: FlaskClient) -> None:
    english, chinese = SAID["en"][0], SAID["zh"][0]
    assert generate(client, model="kantu")["response"] == english
    assert generate(client, model="kantu", prompt="描述")["response"] == chinese
    assert generate(client, model="kantu", system="用中文回答")["response"] == chinese
    assert generate(client, model="kantu:en", prompt="描述")["response"] == english
    assert generate(client, model="kantu:zh")["response"] == chinese
    assert generate(client)["response"] == english


def test_other_models_go_by_their_own_names() -> None:
    first, second = FakeCaptioner("first"), FakeCaptioner("second", ("zh",))
    client = fake_app(first, second).test_client()
    names = [one["id"] for one in client.get("/v1/models").get_json()["data"]]
    assert names == ["kantu", "kantu:en", "kantu:zh", "second", "second:zh"]
    assert generate(client, model="first:zh")["status"] == 200
    assert generate(client, model="second")["response"] == SAID["zh"][0]
    assert generate(client, model="second:en")["status"] == 400
    assert generate(client, model="third")["status"] == 404
    assert len(first.seen) == 1 and len(second.seen) == 1


def test_what_the_model_does_not_speak_is_answered_in_what_it_speaks() -> None:
    client = fake_app(FakeCaptioner(languages=("en",))).test_client()
    assert generate(client, prompt="描述")["response"] == SAID["en"][0]


@given(st.binary(min_size=1, max_size=200))
def test_base64_comes_in_many_ways(data: bytes) -> None:
    plain = base64.b64encode(data).decode()
    for text in (
        plain,
        plain.rstrip("="),
        base64.urlsafe_b64encode(data).decode(),
        base64.encodebytes(data).decode(),
        f"data:image/jpeg;base64,{plain}",
        f"DATA:;BASE64,{plain}",
    ):
        assert photo_of(text) == data


@pytest.mark.parametrize("text", ["*", "äöü", "a", "data:image/jpeg,abc", "data:", 5, None, {}])
def test_what_is_no_base64_is_refused(client: FlaskClient, text: Any) -> None:
    answer = generate(client, images=[text])
    assert answer["status"] in (400, 415), answer


@pytest.mark.parametrize("text", ["http://a.test/1.jpg", "https://a.test/1.jpg", "HTTPS://a.test"])
def test_nothing_is_fetched(client: FlaskClient, captioner: FakeCaptioner, text: str) -> None:
    assert generate(client, images=[text])["status"] == 400
    assert captioner.seen == []


def test_several_photos_get_a_line_each(client: FlaskClient) -> None:
    answer = generate(client, images=[PHOTO, PHOTO])
    assert answer["response"] == f"{SAID['en'][0]}\n{SAID['en'][0]}"
    assert generate(client, images=[PHOTO] * 9)["status"] == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 15_000, b'{"images": 5}'])
@pytest.mark.parametrize("address", [GENERATE, CHAT, "/api/v1/vision/caption"])
def test_a_body_that_is_none_is_told_so(client: FlaskClient, address: str, body: bytes) -> None:
    answer = client.post(address, data=body)
    assert answer.status_code == 400
    assert answer.get_json()["error"]


def test_the_limits_are_those_of_the_api() -> None:
    client = fake_app(max_bytes=10_000, max_photos=1).test_client()
    large = base64.b64encode(jpeg() + bytes(90_000)).decode()
    assert generate(client, images=[large])["status"] == 413
    zipped = client.post(GENERATE, data=b"x", headers={"Content-Encoding": "gzip"})
    assert zipped.status_code == 415
    busy = fake_app(queue=0)
    queue, large = busy.extensions["kantu"].queue, (Asker(b"", ""), MOST_HELD_BYTES)
    with queue.place(*large), queue.place(*large):
        assert generate(busy.test_client())["status"] == 503


@given(st.text())
def test_a_stream_loses_nothing_but_space_at_the_end(text: str) -> None:
    assert "".join(pieces(text)) == text.rstrip()
    assert words_in(text) <= len(text)


def test_a_stream_brings_words_and_characters() -> None:
    assert pieces("A dog runs.") == ["A", " dog", " runs."]
    assert pieces("一只狗，跑。") == ["一", "只", "狗", "，", "跑", "。"]
    assert (words_in("A dog runs."), words_in("一只狗")) == (3, 3)


@pytest.mark.parametrize(
    ("schema", "filled"),
    [
        ({"type": "string"}, "A dog."),
        ({"type": "object"}, {"caption": "A dog."}),
        ({"properties": {"x": {"type": "string"}}, "required": ["x"]}, {"x": "A dog."}),
        ({"properties": {"x": {"type": "array"}}}, {"x": ["A dog."]}),
        (
            {"properties": {"alt": {"type": "string"}, "tags": {"type": "array"}}},
            {"alt": "A dog."},
        ),
        (
            {"properties": {"p": {"properties": {"alt": {"type": "string", "maxLength": 99}}}}},
            {"p": {"alt": "A dog."}},
        ),
    ],
)
def test_a_caption_is_put_into_a_schema(schema: Any, filled: Any) -> None:
    assert json.loads(in_schema("A dog.", schema)) == filled


DEEP: dict[str, Any] = {"type": "string"}
for _ in range(20):
    DEEP = {"properties": {"a": DEEP}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"},
        {"type": "string", "enum": ["cat"]},
        {"type": "string", "maxLength": 3},
        {"type": "array", "minItems": 2},
        {"properties": {"alt": {"type": "string"}, "n": {"type": "integer"}}, "required": ["n"]},
        {"properties": {"name": {"type": "string"}, "place": {"type": "string"}}},
        {"properties": []},
        "text",
        DEEP,
    ],
)
def test_a_schema_without_a_place_for_a_caption_is_refused(schema: Any) -> None:
    with pytest.raises(BadFormat):
        in_schema("A dog.", schema)


def test_labels_are_what_was_detected() -> None:
    client = fake_app(PointingCaptioner()).test_client()
    answer = client.post("/api/v1/vision/labels", json={"id": "7", "images": [PHOTO]}).get_json()
    labels = answer["result"]["labels"]
    assert [one["name"] for one in labels] == ["dog", "kite", "sports ball"]
    assert labels[0]["confidence"] == 0.93 and answer["id"] == "7"


def test_labels_of_other_models_are_words_of_the_language() -> None:
    client = fake_app().test_client()
    answer = client.post(
        "/api/v1/vision/labels", json={"model": "kantu:zh", "images": [PHOTO]}
    ).get_json()
    labels = answer["result"]["labels"]
    assert [one["name"] for one in labels] == list(PERHAPS["zh"])
    assert (labels[0]["confidence"], labels[0]["topicality"]) == (0.9, 0.9)


def test_a_model_without_labels_says_which_has_some() -> None:
    client = fake_app(Unlabelled()).test_client()
    response = client.post("/api/v1/vision/labels", json={"images": [PHOTO]})
    assert response.status_code == 404
    assert "such as kantu-2" in response.text


def test_photoprism_may_send_the_photo_as_its_address(client: FlaskClient) -> None:
    address = f"data:image/jpeg;base64,{PHOTO}"
    answer = client.post("/api/v1/vision/caption", json={"url": address}).get_json()
    assert answer["result"]["caption"]["text"] == SAID["en"][0]


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        (GENERATE, {"model": "\ud800"}),
        (GENERATE, {"prompt": "\udfff"}),
        ("/api/show", {"model": "kantu:\ud800"}),
        (CHAT, {"model": "\ud800"}),
        (CHAT, {"n": "\ud800"}),
        ("/api/v1/vision/caption", {"id": "\ud800"}),
        (
            GENERATE,
            {"images": [PHOTO], "format": {"properties": {"\ud800": {"type": "string"}}}},
        ),
    ],
)
def test_half_a_character_is_refused(
    client: FlaskClient, address: str, fields: dict[str, Any]
) -> None:
    answer = client.post(address, data=json.dumps(fields))
    assert answer.status_code == 400
    assert answer.get_json()["error"]


@pytest.mark.parametrize("piece", ["{},", "[],", "1,"])
def test_a_body_of_very_many_pieces_is_refused_before_it_is_read(
    client: FlaskClient, piece: str
) -> None:
    body = '{"x": [' + piece * 100_000 + "1]}"
    for address in (GENERATE, CHAT, "/api/show"):
        assert client.post(address, data=body).status_code == 413


def test_long_prompts_are_read_at_their_beginning(client: FlaskClient) -> None:
    answer = generate(client, prompt="in Chinese " + "word " * 1_000_000, images=[PHOTO])
    assert answer["response"] == SAID["zh"][0]
    assert answer["prompt_eval_count"] < 10_000


@pytest.mark.parametrize("n", [0, 11, -1, 10**30, "2", 1.5, True, [[1]]])
def test_there_are_only_so_many_ways_to_say_it(client: FlaskClient, n: Any) -> None:
    answer = client.post(CHAT, json={"n": n, "messages": []})
    assert answer.status_code == 400
    assert len(answer.text) < 500


@pytest.mark.parametrize(
    ("schema", "filled"),
    [
        ({"type": ["string", "null"]}, "A dog."),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "A dog."),
        (
            {
                "$defs": {"Photo": {"properties": {"alt": {"type": "string"}}}},
                "properties": {"photo": {"$ref": "#/$defs/Photo"}},
                "required": ["photo"],
            },
            {"photo": {"alt": "A dog."}},
        ),
    ],
)
def test_schemas_as_clients_write_them_are_filled(schema: Any, filled: Any) -> None:
    assert json.loads(in_schema("A dog.", schema)) == filled


@pytest.mark.parametrize("reference", ["#", "#/", "#/$defs/a", "other.json", 5])
def test_references_that_lead_nowhere_or_round_in_circles_are_refused(reference: Any) -> None:
    round_and_round = {"$defs": {"a": {"anyOf": [{"$ref": reference}] * 50}}}
    with pytest.raises(BadFormat):
        in_schema("A dog.", {**round_and_round, "anyOf": [{"$ref": reference}] * 50})
