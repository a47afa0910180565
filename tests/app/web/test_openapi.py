from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from flask.testing import FlaskClient

from app.config import ROOT
from tests.fakes import FakeCaptioner, fake_app


def described(client: FlaskClient, **options: Any) -> dict[str, Any]:
    response = client.get("/api/v1/openapi.json", **options)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    return response.get_json()


def fields(api: dict[str, Any]) -> dict[str, Any]:
    body = api["paths"]["/api/v1/captions"]["post"]["requestBody"]
    return body["content"]["multipart/form-data"]["schema"]["properties"]


def test_every_address_for_programs_is_described(client: FlaskClient) -> None:
    served = {
        (re.sub("<(.*?)>", r"{\1}", str(rule)), method.lower())
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "DELETE", "PATCH"}
        if str(rule).startswith(("/api/", "/model/", "/v1/", "/healthz", "/readyz"))
    }
    paths = described(client)["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods} == served


def test_limits_and_choices_are_those_of_the_server() -> None:
    one, two = FakeCaptioner("one", ("zh",)), FakeCaptioner("two", ("en",))
    app = fake_app(one, two, max_photos=3, max_bytes=2 * 1024 * 1024, beam_width=5)
    form = fields(described(app.test_client()))
    assert form["photo"]["maxItems"] == 3
    assert "3 at most, each up to 2 MB, together up to 6 MB" in form["photo"]["description"]
    assert form["language"]["enum"] == ["zh", "en", "all"]
    assert form["model"]["enum"] == ["one", "two"]
    assert (form["beam_width"]["maximum"], form["beam_width"]["default"]) == (10, 5)


def test_a_token_is_asked_for_where_there_is_one(client: FlaskClient) -> None:
    api = described(client)
    assert (api["security"], api["components"]["securitySchemes"]) == ([], {})
    assert "401" not in api["paths"]["/api/v1/captions"]["post"]["responses"]

    private = fake_app(token="secret").test_client()
    api = described(private, headers={"Authorization": "Bearer secret"})
    assert api["security"] == [{"token": []}]
    assert api["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "401" in api["paths"]["/api/v1/captions"]["post"]["responses"]
    assert api["paths"]["/healthz"]["get"]["security"] == []
    assert "401" not in api["paths"]["/healthz"]["get"]["responses"]


def test_errors_have_their_codes_by_status(client: FlaskClient) -> None:
    responses = described(client)["paths"]["/api/v1/captions"]["post"]["responses"]
    too_large = responses["413"]["content"]
    codes = too_large["application/json"]["schema"]["properties"]["error"]["properties"]["code"]
    assert set(codes["enum"]) == {
        "photo_too_large",
        "too_many_pixels",
        "request_too_large",
        "too_many_photos",
    }
    problem = too_large["application/problem+json"]["schema"]["properties"]["code"]
    assert problem == codes
    assert "Retry-After" in responses["429"]["headers"]


def test_a_photo_may_have_an_error_of_its_own(client: FlaskClient) -> None:
    schemas = described(client)["components"]["schemas"]
    assert schemas["Captions"]["properties"]["photos"]["items"]["oneOf"] == [
        {"$ref": "#/components/schemas/CaptionedPhoto"},
        {"$ref": "#/components/schemas/FailedPhoto"},
    ]
    assert "corrupt_photo" in schemas["PhotoFault"]["properties"]["code"]["enum"]


def test_its_example_is_an_answer(client: FlaskClient) -> None:
    api = described(client)
    answer = api["paths"]["/api/v1/captions"]["post"]["responses"]["200"]["content"]
    schema = {**answer["application/json"]["schema"], "components": api["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(answer["application/json"]["example"])


def test_it_speaks_chinese(client: FlaskClient) -> None:
    english, chinese = described(client), described(client, query_string={"lang": "zh"})
    assert chinese["paths"]["/api/v1/captions"]["post"]["summary"] == "描述照片"
    assert english["paths"]["/api/v1/captions"]["post"]["summary"] == "Caption photos"
    left = [text for text in texts(chinese) if not re.search("[一-鿿]", text)]
    assert not left


def texts(node: Any) -> Iterator[str]:
    """Every description and summary."""
    if isinstance(node, list):
        for one in node:
            yield from texts(one)
    if isinstance(node, dict):
        for name, one in node.items():
            if name in ("description", "summary", "title") and isinstance(one, str):
                yield from [] if one == "Kantu" else [one]
            yield from texts(one)


@pytest.mark.parametrize(("lang", "heading"), [("en", "Kantu for programs"), ("zh", "供程序使用")])
def test_the_page_says_the_same(client: FlaskClient, lang: str, heading: str) -> None:
    response = client.get(f"/api?lang={lang}")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert heading in response.text
    api = described(client, query_string={"lang": lang})
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in response.text
            assert operation["summary"] in response.text
    for name, schema in fields(api).items():
        assert f"<code>{name}</code>" in response.text
        assert schema["description"] in response.text


def test_every_link_within_the_page_leads_somewhere(client: FlaskClient) -> None:
    page = client.get("/api").text
    links, places = re.findall(r'href="#([^"]+)"', page), re.findall(r'id="([^"]+)"', page)
    assert links and set(links) <= set(places)
    assert len(places) == len(set(places))


def test_the_page_of_a_private_server_shows_how_to_send_the_token() -> None:
    client = fake_app(token="secret").test_client()
    assert client.get("/api", headers={"Accept": "text/html"}).status_code == 401
    page = client.get("/api", headers={"Authorization": "Bearer secret"}).text
    assert "Authorization: Bearer $KANTU_TOKEN" in page
    assert "secret" not in page


def test_a_server_that_is_not_asked_does_not_load_it() -> None:
    code = (
        "import sys, tests.service.fake_wsgi;"
        "print([name for name in ('openapi', 'schemas', 'json_schema')"
        " if f'app.web.{name}' in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
