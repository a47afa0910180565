"""Ollama's addresses: github.com/ollama/ollama, docs/api.md.

Prompts tell the language and no more: whatever is asked, the answer is a description. Answers come
as a stream of lines of JSON, Ollama's default, or as one object.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify

from app.captioning.checkpoint import MANIFEST, sha256
from app.web.captions import languages_of
from app.web.doors import Json
from app.web.doors.asking import (
    MOST_TEXT,
    asked,
    described,
    dicts_of,
    find,
    list_of,
    names,
    options,
    pieces,
    read_json,
    sentences,
    text_of,
    words_in,
)
from app.web.doors.forms import as_json, in_schema
from app.web.service import service
from app.web.uploads import captioning, receive_small_body

VERSION = "0.12.0"
"""Of Ollama, whose API this follows: some clients ask whether it is new enough."""

LINES = "application/x-ndjson"

ollama = Blueprint("ollama", __name__, url_prefix="/api")


@dataclass(frozen=True)
class Answer:
    model: str
    text: str
    why: str
    """It is done: "stop", or "load" where there was nothing to describe."""
    prompt: str
    nanoseconds: int
    """Since the request."""

    def end(self) -> Json:
        """What the last line has, or the only one."""
        return {
            "done": True,
            "done_reason": self.why,
            "total_duration": self.nanoseconds,
            "load_duration": 0,
            "prompt_eval_count": words_in(self.prompt),
            "prompt_eval_duration": 0,
            "eval_count": words_in(self.text),
            "eval_duration": self.nanoseconds,
        }


@ollama.get("/version")
def version() -> Response:
    return jsonify({"version": VERSION})


@ollama.get("/tags")
def tags() -> Response:
    return jsonify({"models": [_listed(name) for name in names()]})


@ollama.post("/show")
def show() -> Response:
    value = read_json(receive_small_body())
    name = text_of(value, "model") or text_of(value, "name")
    model, _ = find(name)
    facts = {
        "general.architecture": "kantu",
        "general.basename": model.name,
        "general.languages": list(languages_of(model)),
    }
    about = {"modelfile": "", "parameters": "", "template": "{{ .Prompt }}", "license": ""}
    listed = _listed(name)
    return jsonify(
        about
        | {"details": listed["details"], "modified_at": listed["modified_at"], "model_info": facts}
        | {"capabilities": ["completion", "vision"]}
    )


@ollama.post("/generate")
@captioning
def generate() -> Response:
    started = time.perf_counter_ns()
    with asked() as value:
        prompts = [text_of(value, "prompt"), text_of(value, "system")]
        answer = _answer(value, prompts, list_of(value, "images"), started)
        # Without either, it asks to load the model, or to keep it.
    return _respond(value, answer, lambda text: {"response": text}, {"context": []})


@ollama.post("/chat")
@captioning
def chat() -> Response:
    started = time.perf_counter_ns()
    with asked() as value:
        messages = dicts_of(value, "messages")
        prompts = [text_of(message, "content") for message in reversed(messages)]
        images = [list_of(message, "images") for message in messages]
        latest: list[Any] = next((some for some in reversed(images) if some), [])
        answer = _answer(value, prompts, latest, started)
    return _respond(
        value, answer, lambda text: {"message": {"role": "assistant", "content": text}}, {}
    )


def _answer(value: Json, prompts: Sequence[str], images: list[Any], started: int) -> Answer:
    name, prompt = text_of(value, "model"), "\n".join(prompts)[:MOST_TEXT]
    wanted = options(name, prompts)
    if not images and not prompt.strip():
        return Answer(name, "", "load", "", time.perf_counter_ns() - started)
    text = sentences(described(images, wanted), wanted.languages[0])
    text = _in_format(text, value.get("format"))
    return Answer(name, text, "stop", prompt, time.perf_counter_ns() - started)


def _in_format(text: str, form: Any) -> str:
    if not form:
        return text
    return as_json(text) if form == "json" else in_schema(text, form)


def _respond(value: Json, answer: Answer, carry: Any, more: Json) -> Response:
    head = {"model": answer.model, "created_at": _now()}
    if value.get("stream") is False:
        return jsonify(head | carry(answer.text) | answer.end() | more)
    words = [head | carry(piece) | {"done": False} for piece in pieces(answer.text)]
    last = head | carry("") | answer.end() | more
    return Response(_lines([*words, last]), mimetype=LINES)


def _lines(objects: Iterable[Json]) -> Iterator[str]:
    return (json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


def _listed(name: str) -> Json:
    model, _ = find(name)
    folder = dict(zip(service().models, service().settings.models, strict=True))[model.name]
    return {
        "name": name,
        "model": name,
        **_on_disk(folder),
        "details": {
            "parent_model": "",
            "format": "tflite",
            "family": "kantu",
            "families": ["kantu"],
            "parameter_size": "",
            "quantization_level": "INT8",
        },
    }


def _on_disk(folder: Path) -> Json:
    manifest = folder / MANIFEST
    there = manifest.exists()  # not so of the captioners that tests make
    changed = manifest.stat().st_mtime if there else 0
    return {
        "modified_at": datetime.fromtimestamp(changed, timezone.utc).isoformat(),
        "size": sum(file.stat().st_size for file in folder.iterdir()) if there else 0,
        "digest": sha256(manifest) if there else "",
    }
