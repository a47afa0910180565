"""Other programs' own clients, against the whole service and the checkpoint that comes with it."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import ollama
import openai
import pytest

from tests.photos import jpeg
from tests.server import serving

TOKEN = "open-sesame"
PHOTO = jpeg("chelsea")
BASE64 = base64.b64encode(PHOTO).decode()
DATA = f"data:image/jpeg;base64,{BASE64}"
CAT = {"en": re.compile("cat|kitten"), "zh": re.compile("猫")}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("doors") / "log"
    with serving("wsgi", log, KANTU_TOKEN=TOKEN) as address:
        yield address


# Ollama


@pytest.fixture
def ollama_client(address: str) -> Iterator[ollama.Client]:
    with ollama.Client(address, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


def test_ollama_lists_and_shows_models(ollama_client: ollama.Client) -> None:
    listed = ollama_client.list().models
    assert [one.model for one in listed] == ["kantu", "kantu:en", "kantu:zh"]
    assert listed[0].size > 20_000_000 and listed[0].modified_at.year >= 2026
    assert len(listed[0].digest) == 64
    assert "vision" in ollama_client.show("kantu").capabilities


@pytest.mark.parametrize(
    ("model", "prompt", "language"),
    [
        ("kantu", "What is on this picture?", "en"),
        ("kantu:latest", "", "en"),
        ("kantu", "用一句话描述这张照片", "zh"),
        ("kantu", "Describe the photo in Chinese.", "zh"),
        ("kantu:zh", "What is on this picture?", "zh"),
        ("kantu-2:en", "这是什么？", "en"),
    ],
)
def test_ollama_generates(
    ollama_client: ollama.Client, model: str, prompt: str, language: str
) -> None:
    answer = ollama_client.generate(model, prompt, images=[PHOTO])
    assert CAT[language].search(answer.response)
    assert (answer.model, answer.done, answer.done_reason) == (model, True, "stop")
    assert answer.total_duration > 0 and answer.eval_count > 2 and answer.eval_duration > 0


def test_ollama_generates_a_stream(ollama_client: ollama.Client) -> None:
    whole = ollama_client.generate("kantu", "Describe", images=[PHOTO]).response
    *words, last = ollama_client.generate("kantu", "Describe", images=[PHOTO], stream=True)
    assert len(words) > 3 and not any(word.done for word in words)
    assert "".join(word.response for word in words) == whole
    assert last.done and last.response == ""


def test_ollama_chats(ollama_client: ollama.Client) -> None:
    messages = [
        {"role": "system", "content": "You caption photos."},
        {"role": "user", "content": "What is it?", "images": [BASE64]},
        {"role": "assistant", "content": "A dog."},
        {"role": "user", "content": "请再看一遍"},
    ]
    answer = ollama_client.chat("kantu", messages)
    assert answer.message.role == "assistant" and CAT["zh"].search(answer.message.content)
    stream = ollama_client.chat("kantu:zh", messages, stream=True)
    assert "".join(part.message.content for part in stream) == answer.message.content


def test_ollama_answers_in_json(ollama_client: ollama.Client) -> None:
    free = ollama_client.generate("kantu", "", images=[PHOTO], format="json").response
    assert CAT["en"].search(json.loads(free)["caption"])
    schema = {"type": "object", "properties": {"alt": {"type": "string"}}, "required": ["alt"]}
    asked = ollama_client.generate("kantu", "", images=[PHOTO], format=schema).response
    assert json.loads(asked) == {"alt": json.loads(free)["caption"]}
    wrong = {"type": "object", "properties": {"count": {"type": "integer"}}}
    with pytest.raises(ollama.ResponseError, match="does not fit into the format"):
        ollama_client.generate("kantu", "", images=[PHOTO], format=wrong)


def test_ollama_is_told_what_is_wrong(ollama_client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="no model “gemma3”") as caught:
        ollama_client.generate("gemma3", "", images=[PHOTO])
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="none came"):
        ollama_client.generate("kantu", "Tell me a joke")
    with pytest.raises(ollama.ResponseError, match="This file is GIF"):
        ollama_client.generate("kantu", "", images=[base64.b64encode(b"GIF89a").decode()])


def test_ollama_may_ask_to_load_the_model_only(ollama_client: ollama.Client) -> None:
    assert ollama_client.generate("kantu").done_reason == "load"
    assert ollama_client.chat("kantu", []).done_reason == "load"


# OpenAI


@pytest.fixture
def openai_client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key=TOKEN, max_retries=0) as client:
        yield client


def looking_at(address: str, text: str = "What is it?") -> list[Any]:
    parts = [
        {"type": "text", "text": text},
        {"type": "image_url", "image_url": {"url": address, "detail": "low"}},
    ]
    return [{"role": "user", "content": parts}]


def test_openai_lists_models(openai_client: openai.OpenAI) -> None:
    assert [one.id for one in openai_client.models.list()] == ["kantu", "kantu:en", "kantu:zh"]
    assert openai_client.models.retrieve("kantu:zh").owned_by == "kantu"
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("gpt-4o")


def test_openai_completes_a_chat(openai_client: openai.OpenAI) -> None:
    complete = openai_client.chat.completions.create
    answer = complete(model="kantu", messages=looking_at(DATA))
    (choice,) = answer.choices
    assert CAT["en"].search(choice.message.content or "") and choice.finish_reason == "stop"
    assert answer.usage and answer.usage.total_tokens > answer.usage.prompt_tokens == 3
    several = complete(model="kantu", messages=looking_at(DATA, "中文"), n=3).choices
    assert len({one.message.content for one in several}) == 3
    assert CAT["zh"].search(several[0].message.content or "")


def test_openai_streams_a_chat(openai_client: openai.OpenAI) -> None:
    complete = openai_client.chat.completions.create
    whole = complete(model="kantu", messages=looking_at(DATA)).choices[0].message.content
    stream = complete(
        model="kantu",
        messages=looking_at(DATA),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == whole and len(said) > 4
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens > 2


def test_openai_responds(openai_client: openai.OpenAI) -> None:
    seen: Any = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": DATA, "detail": "auto"},
            ],
        }
    ]
    answer = openai_client.responses.create(model="kantu", input=seen, instructions="用中文回答")
    assert answer.status == "completed" and CAT["zh"].search(answer.output_text)
    assert answer.usage and answer.usage.output_tokens > 2
    english = openai_client.responses.create(model="kantu:en", input=seen).output_text
    with openai_client.responses.stream(model="kantu:en", input=seen) as stream:
        words = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert stream.get_final_response().output_text == "".join(words) == english


def test_openai_answers_in_a_schema(openai_client: openai.OpenAI) -> None:
    schema: Any = {
        "name": "photo",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"description": {"type": "string"}},
            "required": ["description"],
            "additionalProperties": False,
        },
    }
    form: Any = {"type": "json_schema", "json_schema": schema}
    answer = openai_client.chat.completions.create(
        model="kantu", messages=looking_at(DATA), response_format=form
    )
    said = json.loads(answer.choices[0].message.content or "")
    assert list(said) == ["description"] and CAT["en"].search(said["description"])


def test_openai_is_told_what_is_wrong(openai_client: openai.OpenAI, address: str) -> None:
    complete = openai_client.chat.completions.create
    with pytest.raises(openai.BadRequestError, match="fetches nothing") as caught:
        complete(model="kantu", messages=looking_at("https://example.com/a.jpg"))
    assert caught.value.code == "remote_photo"
    with pytest.raises(openai.NotFoundError, match="kantu:zh"):
        complete(model="gpt-4o", messages=looking_at(DATA))
    with pytest.raises(openai.UnprocessableEntityError, match="damaged"):
        complete(model="kantu", messages=looking_at(DATA[: len("data:image/jpeg;base64,") + 4000]))
    stranger = openai.OpenAI(base_url=f"{address}/v1", api_key="guess", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()


# PhotoPrism, whose client is part of a program in Go: its requests as its source makes them


def ask_photoprism(address: str, path: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    body = {"id": "b1946ac9", "suffix": "", "stream": False, **fields}
    request = urllib.request.Request(
        f"{address}/api/v1/vision/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_photoprism_gets_a_caption(address: str) -> None:
    status, answer = ask_photoprism(address, "caption", model="kantu", images=[DATA])
    assert (status, answer["id"], answer["code"]) == (200, "b1946ac9", 200)
    assert CAT["en"].search(answer["result"]["caption"]["text"])
    assert answer["model"]["name"] == "kantu-2"
    _, answer = ask_photoprism(address, "caption", model="kantu", prompt="用中文", images=[DATA])
    assert CAT["zh"].search(answer["result"]["caption"]["text"])


def test_photoprism_gets_labels(address: str) -> None:
    for model, cat in (("kantu:en", "cat"), ("kantu:zh", "猫")):
        status, answer = ask_photoprism(address, "labels", model=model, images=[DATA])
        labels = {one["name"]: one["confidence"] for one in answer["result"]["labels"]}
        assert status == 200 and 0.2 <= labels[cat] <= 1


def test_photoprism_is_told_what_is_wrong(address: str) -> None:
    status, answer = ask_photoprism(address, "labels", model="kantu", images=[])
    assert (status, answer["code"], answer["id"]) == (400, 400, "b1946ac9")
    status, answer = ask_photoprism(address, "caption", model="kantu", url="https://a.test/1.jpg")
    assert status == 400 and "fetches nothing" in answer["error"]
