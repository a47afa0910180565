"""OpenAI's addresses for chat completions and responses: platform.openai.com/docs/api-reference.

A photo comes as a data: address; no other address is fetched. Prompts tell the language and no
more. Answers come as one object or as server-sent events.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify

from app.config import LARGEST_BEAM
from app.web.doors import Json
from app.web.doors.asking import (
    KANTU,
    MOST_TEXT,
    asked,
    described,
    dicts_of,
    find,
    names,
    options,
    pieces,
    text_of,
    words_in,
)
from app.web.doors.forms import as_json, in_schema
from app.web.errors import BadField, BadParameter
from app.web.uploads import captioning

EVENTS = "text/event-stream"

openai = Blueprint("openai", __name__, url_prefix="/v1")


@dataclass(frozen=True)
class Asked:
    """What a conversation comes to."""

    prompts: list[str]
    """The last first."""
    images: list[Any]
    """Of the last message that has some."""


@openai.get("/models")
def models() -> Response:
    return jsonify({"object": "list", "data": [_model(name) for name in names()]})


@openai.get("/models/<name>")
def model(name: str) -> Response:
    find(name)
    return jsonify(_model(name))


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": KANTU}


@openai.post("/chat/completions")
@captioning
def chat_completions() -> Response:
    with asked() as value:
        conversation = _read(dicts_of(value, "messages"))
        many = _count(value)
        texts = _texts(value, conversation, value.get("response_format"), many)
    name = text_of(value, "model") or KANTU
    head = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
    }
    spent = _spent(conversation, texts)
    usage = {
        "prompt_tokens": spent[0],
        "completion_tokens": spent[1],
        "total_tokens": sum(spent),
    }
    if value.get("stream"):
        options_ = value.get("stream_options")
        counted = isinstance(options_, dict) and bool(options_.get("include_usage"))
        return _events(_chunks(head, texts, usage if counted else None))
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
        for index, text in enumerate(texts)
    ]
    return jsonify(head | {"choices": choices, "usage": usage})


def _chunks(head: Json, texts: Sequence[str], usage: Json | None) -> Iterator[str]:
    head = head | {"object": "chat.completion.chunk"}
    for index, text in enumerate(texts):
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in pieces(text)]
        for delta in deltas:
            yield _data(head | {"choices": [_choice(index, delta, None)]})
        yield _data(head | {"choices": [_choice(index, {}, "stop")]})
    if usage:
        yield _data(head | {"choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _choice(index: int, delta: Json, why: str | None) -> Json:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": why}


@openai.post("/responses")
@captioning
def responses() -> Response:
    with asked() as value:
        given = value.get("input")
        messages = [{"content": given}] if isinstance(given, str) else dicts_of(value, "input")
        conversation = _read(messages)
        conversation.prompts.append(text_of(value, "instructions"))
        form = value.get("text")
        text = _texts(value, conversation, isinstance(form, dict) and form.get("format"), 1)[0]
    answer = _response(value, _spent(conversation, [text]))
    if value.get("stream"):
        return _events(_steps(answer, text))
    return jsonify(_completed(answer, text))


def _response(value: Json, spent: tuple[int, int]) -> Json:
    """What it says before there is any text, and its usage."""
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "model": text_of(value, "model") or KANTU,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "tools": [],
        "temperature": None,
        "top_p": None,
        "usage": {
            "input_tokens": spent[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": spent[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(spent),
        },
    }


def _completed(answer: Json, text: str) -> Json:
    return answer | {"status": "completed", "output": [_message(answer, "completed", [text])]}


def _message(answer: Json, state: str, texts: Sequence[str]) -> Json:
    return {
        "id": answer["id"].replace("resp_", "msg_"),
        "type": "message",
        "status": state,
        "role": "assistant",
        "content": [_part(text) for text in texts],
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _steps(answer: Json, text: str) -> Iterator[str]:
    begun = answer | {"usage": None}
    item = {"output_index": 0}
    part = item | {"item_id": _message(answer, "", [])["id"], "content_index": 0}
    steps: list[tuple[str, Json]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        ("response.output_item.added", item | {"item": _message(answer, "in_progress", [])}),
        ("response.content_part.added", part | {"part": _part("")}),
        *(
            ("response.output_text.delta", part | {"delta": piece, "logprobs": []})
            for piece in pieces(text)
        ),
        ("response.output_text.done", part | {"text": text, "logprobs": []}),
        ("response.content_part.done", part | {"part": _part(text)}),
        ("response.output_item.done", item | {"item": _message(answer, "completed", [text])}),
        ("response.completed", {"response": _completed(answer, text)}),
    ]
    for number, (kind, fields) in enumerate(steps):
        yield f"event: {kind}\n" + _data({"type": kind, "sequence_number": number} | fields)


def _read(messages: Sequence[Json]) -> Asked:
    """Raises BadField where they are not as OpenAI has them."""
    prompts: list[str] = []
    images: list[Any] = []
    for message in reversed(messages):
        content = message.get("content")
        plain = isinstance(content, str)
        parts = [{"text": content}] if plain else dicts_of(message, "content")
        prompts += [text_of(part, "text") for part in parts]
        images = images or [_image(part) for part in parts if "image_url" in part]
    return Asked(prompts, images)


def _image(part: Json) -> Any:
    """Chat completions have it one level deeper than responses."""
    address = part["image_url"]
    return address.get("url") if isinstance(address, dict) else address


def _count(value: Json) -> int:
    """How many captions are asked for."""
    many = value.get("n")
    many = 1 if many is None else many
    if type(many) is not int or abs(many) > 1_000_000:
        raise BadField(field="n")
    if not 1 <= many <= LARGEST_BEAM:
        raise BadParameter(name="n", value=many, least=1, most=LARGEST_BEAM)
    return many


def _texts(value: Json, conversation: Asked, form: Any, many: int) -> list[str]:
    wanted = options(text_of(value, "model"), conversation.prompts, many - 1)
    (language,) = wanted.languages
    photos = described(conversation.images, wanted)
    # Of several photos a line each, and of each as many captions as there are of all.
    ways = zip(*(photo.captions[language][:many] for photo in photos), strict=False)
    return [_in_format("\n".join(one.text for one in way), form) for way in ways]


def _in_format(text: str, form: Any) -> str:
    """Of chat completions' form, or of responses', which has the schema one level higher."""
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_object":
        return as_json(text)
    if kind == "json_schema":
        inside = form.get("json_schema")
        return in_schema(text, (inside if isinstance(inside, dict) else form).get("schema"))
    return text


def _spent(conversation: Asked, texts: Sequence[str]) -> tuple[int, int]:
    read = "\n".join(conversation.prompts)[:MOST_TEXT]
    return words_in(read), sum(map(words_in, texts))


def _events(events: Iterable[str]) -> Response:
    return Response(events, mimetype=EVENTS)


def _data(value: Json) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
