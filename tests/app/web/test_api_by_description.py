"""What schemathesis makes of the description of the API, and what the service answers to it.

Every check of schemathesis is on, but for what a schema of JSON cannot say. It asks the same each
time, so that what passed keeps passing.
"""

from __future__ import annotations

from typing import Any

import schemathesis
from flask import Flask
from hypothesis import assume, settings
from hypothesis import strategies as st
from schemathesis.core import NotSet
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from schemathesis.transport.serialization import Binary

from tests.fakes import PointingCaptioner, fake_app, jpeg

TOKEN = "s3same-0pen"

REFUSALS = ["400", "401", "403", "404", "405", "413", "415", "422"]
"""413 is not among those of schemathesis: too many photos."""

CONVERSATIONS = ("/api/generate", "/api/chat", "/v1/", "/api/v1/vision/")

FIELDS = ("language", "model", "beam_width", "alternatives", "mention")

schemathesis.openapi.format("binary", st.just(jpeg()).map(Binary))


@schemathesis.serializer("image/jpeg")
def as_part(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A part of the form that holds no photo, where it is to be refused."""
    return value.data if isinstance(value, Binary) else str(value).encode()


def described(app: Flask, token: str = "") -> BaseSchema:
    config = {
        "generation": {"deterministic": True},
        "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
        # Words of our own source, such as how a PDF begins, are no photos.
        "analysis": {"constants": {"enabled": False}},
        "auth": {"openapi": {"token": {"bearer": token}}} if token else {},
    }
    path, headers = "/api/v1/openapi.json", {"Authorization": f"Bearer {token}"}
    config = schemathesis.Config.from_dict(config)
    return schemathesis.openapi.from_wsgi(path, app, config=config, headers=headers)


LIMITS = {"max_photos": 2, "rate_limit": None, "log": False}
open_to_all = described(fake_app(**LIMITS))
pointing = described(fake_app(PointingCaptioner(), **LIMITS))
private = described(fake_app(**LIMITS, token=TOKEN), TOKEN)


@open_to_all.parametrize()
@settings(max_examples=30)
def test_it_does_as_described(case: schemathesis.Case) -> None:
    send(case)


@pointing.parametrize()
@settings(max_examples=10)
def test_a_model_that_points_at_things_does_too(case: schemathesis.Case) -> None:
    send(case)


@private.parametrize()
@settings(max_examples=5)
def test_a_private_server_does_too(case: schemathesis.Case) -> None:
    send(case)


def send(case: schemathesis.Case) -> None:
    # The client can put nothing in the place of a form.
    assume(isinstance(case.body, dict | NotSet))
    form = case.body if isinstance(case.body, dict) else {}
    if case.meta.generation.mode.is_positive and form.get("alternatives"):
        # Below the beam's width, as the description says: JSON Schema cannot compare two fields.
        form["alternatives"] = min(form["alternatives"], form.get("beam_width", 3) - 1)
    # That there is a photo in it: a conversation may have one anywhere.
    spoken = [positive_data_acceptance] if case.path.startswith(CONVERSATIONS) else []
    # An empty field counts as one that was not sent, as it says too: a browser's form sends those.
    empty = "" in [form.get(field) for field in FIELDS]
    case.call_and_validate(excluded_checks=[*spoken, *([negative_data_rejection] if empty else [])])
