"""Which kinds of photos the page, the API and other programs' addresses take."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from app.config import Settings
from tests.fakes import FakeCaptioner, fake_app, jpeg
from tests.hostile.corpus import MULTIPART, form, part
from tests.hostile.others import others, saved

KINDS = ("jpeg", "png", "webp", "avif", "heic")
API, DOOR = ("/api/v1/captions", "photo"), ("/model/predict", "image")


def photo(kind: str) -> bytes:
    red = Image.new("RGB", (64, 48), "red")
    return jpeg(64, 48) if kind == "jpeg" else saved(kind, red)


def post(client: FlaskClient, door: tuple[str, str], data: bytes) -> TestResponse:
    # Not by a dictionary: of large files the client would make temporary ones, and leave them open.
    address, field = door
    body = form(part(data, field.encode()))
    return client.post(address, data=body, content_type=MULTIPART.decode())


def taken(client: FlaskClient, door: tuple[str, str]) -> set[str]:
    answers = {kind: post(client, door, photo(kind)) for kind in KINDS}
    assert {one.status_code for one in answers.values()} <= {200, 415}
    return {kind for kind, answer in answers.items() if answer.status_code == 200}


def client_of(captioner: FakeCaptioner, formats: str) -> FlaskClient:
    settings = Settings.from_environment({"KANTU_FORMATS": formats, "KANTU_RATE_LIMIT": "off"})
    return fake_app(captioner, formats=settings.formats).test_client()


def test_the_api_takes_jpeg_and_the_doors_png_and_webp_too(captioner: FakeCaptioner) -> None:
    client = client_of(captioner, "")
    assert taken(client, API) == {"jpeg"}
    assert taken(client, DOOR) == {"jpeg", "png", "webp"}


@pytest.mark.parametrize("formats", ["jpeg", "webp, heic", "jpeg,png,webp,avif,heic"])
def test_what_is_set_holds_for_all_alike(captioner: FakeCaptioner, formats: str) -> None:
    client, wanted = client_of(captioner, formats), set(formats.replace(" ", "").split(","))
    assert taken(client, API) == taken(client, DOOR) == wanted


def test_the_page_and_the_description_say_what_is_taken(captioner: FakeCaptioner) -> None:
    client = client_of(captioner, "jpeg,heic")
    page = client.get("/").get_data(as_text=True)
    assert 'accept="image/jpeg,image/heic"' in page
    assert "JPEG/HEIC, up to" in page
    assert "JPEG/HEIC" in client.get("/api").get_data(as_text=True)
    refused = post(client, API, photo("png")).get_json()["error"]
    assert refused["code"] == "not_jpeg"
    assert refused["message"].startswith("This file is PNG, not JPEG/HEIC.")


@pytest.mark.parametrize("door", [API, DOOR])
def test_hostile_files_of_every_kind_are_answered(
    captioner: FakeCaptioner, door: tuple[str, str]
) -> None:
    client = client_of(captioner, "jpeg,png,webp,avif,heic")
    corpus = list(others())
    assert len({name for name, *_ in corpus}) == len(corpus) >= 80
    outcomes = {}
    for name, data, allowed in corpus:
        answer = post(client, door, data)
        code = answer.get_json()["error"]["code"] if answer.status_code != 200 else ""
        outcome = f"{answer.status_code} {code}".strip()
        if outcome not in allowed:
            outcomes[name] = (outcome, sorted(allowed))
    assert outcomes == {}
