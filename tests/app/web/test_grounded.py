"""Models that point at what they name: what the API and the page without scripts make of them."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.captioning.baby_talk import baby_talk
from app.captioning.captioner import Caption
from app.captioning.grounding import Box, Region, Slot
from app.photos import read_photo
from app.web.captions import Detected
from app.web.marks import marks, pieces
from tests.fakes import REGIONS, FakeCaptioner, PointingCaptioner, fake_app, jpeg

PHOTO = jpeg()
API = "/api/v1/captions"


@pytest.fixture
def captioner() -> PointingCaptioner:
    return PointingCaptioner()


def post(client: FlaskClient, path: str = API, **fields: str) -> TestResponse:
    return client.post(path, data={"photo": (BytesIO(PHOTO), "a.jpg"), **fields})


def described(client: FlaskClient, **fields: str) -> dict[str, Any]:
    response = post(client, **fields)
    assert response.status_code == 200, response.text
    return response.get_json()["photos"][0]


def test_a_photo_has_its_regions(client: FlaskClient) -> None:
    photo = described(client)
    assert list(photo) == ["name", "captions", "regions"]
    assert [one["class"] for one in photo["regions"]] == ["dog", "kite", "sports ball"]
    assert photo["regions"][0] == {
        "class": "dog",
        "score": 0.93,
        "box": {"left": 0.1, "top": 0.3, "right": 0.5, "bottom": 0.95},
    }


def test_a_caption_says_which_of_its_words_name_which_region(client: FlaskClient) -> None:
    english, chinese = described(client)["captions"]
    assert english["text"] == "A puppy chases a ball."
    assert english["template"] == "A <region-0> chases a <region-2>."
    assert english["slots"] == [
        {"start": 2, "end": 7, "text": "puppy", "region": 0},
        {"start": 17, "end": 21, "text": "ball", "region": 2},
    ]
    assert chinese["template"] == "一只<region-0>在追一个<region-2>。"
    assert [one["template"] for one in english["alternatives"]] == [
        "A <region-0> looks at a <region-1>.",
        "A <region-0> outside.",
    ]


def test_each_language_has_what_was_detected_as_a_sentence(client: FlaskClient) -> None:
    photo = read_photo(PHOTO, 10**6, 10**6)
    for caption in described(client)["captions"]:
        said = baby_talk(REGIONS, photo, ["en", "zh"])[caption["language"]]
        assert said and caption["baby_talk"]["text"] == said.text
        slots = [(one["start"], one["end"], one["region"]) for one in caption["baby_talk"]["slots"]]
        assert slots == list(said.slots)
        assert "baby_talk" not in caption["alternatives"][0]


def test_where_nothing_was_detected_it_says_so(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.captions.baby_talk", lambda *_: {"en": None, "zh": None})
    assert [one["baby_talk"] for one in described(client)["captions"]] == [None, None]


def test_other_models_say_nothing_of_all_this() -> None:
    photo = described(fake_app().test_client())
    assert list(photo) == ["name", "captions"]
    keys = ["language", "text", "log_probability", "probability", "confidence", "alternatives"]
    for caption in photo["captions"]:
        assert list(caption) == keys
        assert list(caption["alternatives"][0]) == [*keys[1:5], "perhaps"]


def test_models_says_which_objects_each_can_mention() -> None:
    client = fake_app(FakeCaptioner(), PointingCaptioner()).test_client()
    models = client.get("/api/v1/models").get_json()["models"]
    assert [one["objects"] for one in models] == [[], list(PointingCaptioner.objects)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        (" , ", ()),
        ("dog", ("dog",)),
        ("sports ball, Pizza,,dog ,dog", ("sports ball", "pizza", "dog")),
        ("dog,dog,kite,kite,pizza,person", ("dog", "kite", "pizza", "person")),
    ],
)
def test_it_can_be_told_what_to_mention(
    client: FlaskClient, captioner: PointingCaptioner, text: str, names: tuple[str, ...]
) -> None:
    described(client, mention=text)
    assert captioner.mentioned == [names] * 2, "in each language"


MENTIONS = [
    (
        "dog,unicorn,gnu",
        "The model knows no object called “unicorn, gnu”. "
        "Choose among: person, dog, kite, sports ball, pizza.",
        "模型不认识“unicorn, gnu”。可选：person, dog, kite, sports ball, pizza。",
    ),
    (
        "person,dog,kite,sports ball,pizza",
        "These are too many objects to mention. Name 4 at most.",
        "指定的物体太多，最多 4 个。",
    ),
]


@pytest.mark.parametrize(("text", "english", "chinese"), MENTIONS)
def test_what_cannot_be_mentioned_is_refused_in_both_languages(
    client: FlaskClient, captioner: PointingCaptioner, text: str, english: str, chinese: str
) -> None:
    for lang, message in (("en", english), ("zh", chinese)):
        response = post(client, f"{API}?lang={lang}", mention=text)
        assert response.status_code == 400
        assert response.get_json()["error"] == {"code": "bad_mention", "message": message}
        page = post(client, f"/?lang={lang}", mention=text)
        assert (page.status_code, message in page.text) == (400, True)
    assert captioner.seen == []


def test_a_model_that_detects_nothing_cannot_be_told() -> None:
    client = fake_app(FakeCaptioner("plain"), PointingCaptioner()).test_client()
    error = post(client, mention="dog").get_json()["error"]
    assert error["code"] == "bad_mention"
    assert error["message"].startswith("The model “plain” cannot be told what to mention.")
    assert post(client, mention="dog", model="pointing").status_code == 200


def test_the_answer_is_as_described() -> None:
    client = fake_app(PointingCaptioner()).test_client()
    api = client.get("/api/v1/openapi.json").get_json()
    answer = api["paths"]["/api/v1/captions"]["post"]["responses"]["200"]["content"]
    schema = answer["application/json"]["schema"]
    check = jsonschema_rs.Draft202012Validator({**schema, "components": api["components"]})
    check.validate(answer["application/json"]["example"])
    check.validate(post(client).get_json())
    assert "regions" in answer["application/json"]["example"]["photos"][0]
    schemas = api["components"]["schemas"]
    assert schemas["Region"]["required"] == ["class", "score", "box"]
    assert "slots" not in schemas["Caption"]["required"]


def test_the_field_is_described_where_a_model_can_be_told() -> None:
    def field(*captioners: FakeCaptioner) -> dict[str, Any] | None:
        api = fake_app(*captioners).test_client().get("/api/v1/openapi.json").get_json()
        body = api["paths"]["/api/v1/captions"]["post"]["requestBody"]["content"]
        return body["multipart/form-data"]["schema"]["properties"].get("mention")

    assert field(FakeCaptioner()) is None
    mention = field(FakeCaptioner(), PointingCaptioner())
    assert mention and "4 at most" in mention["description"]
    allowed = re.compile(mention["pattern"])
    assert allowed.search(mention["examples"][0]) and allowed.search("dog,sports ball,dog,kite")
    assert not allowed.search("unicorn") and not allowed.search("dog,dog,dog,dog,dog")


def test_clients_of_max_get_captions_alone(client: FlaskClient) -> None:
    answer = client.post("/model/predict", data={"image": (BytesIO(PHOTO), "a.jpg")}).get_json()
    assert list(answer["predictions"][0]) == ["index", "caption", "probability"]


WORD = re.compile(
    r'<span class="word"[^>]* data-n="(.)"><span>(.+?)</span><span class="unseen"[^>]*>(.+?)</span>'
)
BOX = re.compile(
    r'<g class="box" data-n="(.)">\s*'
    r'<rect class="edge" x="(.+?)%" y="(.+?)%" width="(.+?)%" height="(.+?)%"/>'
)


def shown(response: TestResponse) -> str:
    """What is seen of a page, without its templates."""
    return response.text.split("<template")[0]


def words(response: TestResponse) -> list[tuple[str, str]]:
    """Their numbers, and what is heard of them."""
    return [(number, f"{word} {more}") for number, word, more in WORD.findall(shown(response))]


def boxes(response: TestResponse) -> dict[str, list[float]]:
    return {number: [float(one) for one in at] for number, *at in BOX.findall(shown(response))}


def test_the_page_marks_words_and_boxes_by_the_same_numbers(client: FlaskClient) -> None:
    page = post(client, "/?lang=en")
    assert words(page) == [
        ("1", "puppy (object 1 of 2, left: dog, 93%)"),
        ("2", "ball (object 2 of 2, bottom: sports ball, 66%)"),
        ("1", "小狗 (object 1 of 2, left: dog, 93%)"),
        ("2", "球 (object 2 of 2, bottom: sports ball, 66%)"),
    ]
    assert list(boxes(page).items()) == [("1", [10, 30, 40, 65]), ("2", [45, 70, 13, 15])], (
        "the smallest on top"
    )
    assert ">dog 93%</text>" in page.text


def test_the_page_in_chinese_names_objects_in_chinese(client: FlaskClient) -> None:
    page = post(client, "/?lang=zh")
    assert words(page)[0] == ("1", "puppy （第 1 个物体，共 2 个，位于左侧：狗，93%）")
    assert ">狗 93%</text>" in page.text


def test_nine_are_marked_and_more_stay_words() -> None:
    text = "abcdefghijkl"
    slots = tuple(Slot(at, at + 1, at) for at in range(len(text)))
    regions = tuple(Region(Box(0, 0, 1, 1), "dog", 0.9) for _ in text)
    found = marks({"en": [Caption(text, (), -1.0, slots)]}, Detected(regions, {"en": None}))
    cut = list(pieces(text, slots, found))
    assert [word for word, mark in cut if mark] == list("abcdefghi")
    assert cut[-1] == ("jkl", None) and {mark.of for _, mark in cut if mark} == {9}


def test_its_policy_allows_all_that_is_drawn(client: FlaskClient) -> None:
    response = post(client, "/")
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "style=" not in response.text


def test_what_was_detected_is_said_where_the_model_guesses(
    client: FlaskClient, captioner: PointingCaptioner
) -> None:
    def said() -> list[str]:
        return re.findall(r'<p class="talk" >(.*?)</p>', shown(post(client, "/")))

    assert said() == []
    captioner.chances["zh"] = 1e-9
    (chinese,) = said()
    assert chinese.startswith('What was detected: <span lang="zh-Hans">')
    assert WORD.search(chinese) and "风筝" in chinese, "which no caption names"


def test_a_page_of_other_models_has_no_marks() -> None:
    page = post(fake_app().test_client(), "/")
    assert (words(page), boxes(page)) == ([], {})


def test_the_page_says_what_a_model_does() -> None:
    points, whole = "points at what it names", "describes the photo as a whole"

    def page(*captioners: FakeCaptioner) -> str:
        return fake_app(*captioners).test_client().get("/").text

    plain = page(FakeCaptioner("one"), FakeCaptioner("two"))
    assert points not in plain and whole not in plain
    mixed = page(FakeCaptioner("one"), PointingCaptioner("two"))
    assert f"one · {whole}</option>" in mixed and f"two · {points}</option>" in mixed
    alone = page(PointingCaptioner())
    assert "It points at what it names." in alone and "<select" not in alone
