from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.config import ROOT
from tests.fakes import FakeCaptioner, upload


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v1/models", "/static/page.js"])
def test_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        headers = response.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_answers_are_not_kept_but_static_files_may_be(client: FlaskClient) -> None:
    assert client.get("/").headers["Cache-Control"] == "no-store"
    with client.get("/static/page.css") as response:
        assert response.headers["Cache-Control"] != "no-store"


@pytest.mark.parametrize(
    "template", sorted((ROOT / "templates").iterdir()), ids=lambda path: path.name
)
def test_templates_hold_nothing_that_the_policy_forbids(template: Path) -> None:
    html = template.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"https?://", html)


OWN = "http://localhost"


@pytest.mark.parametrize("path", ["/", "/api/v1/captions"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
        {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
    ],
)
def test_what_another_site_makes_a_browser_send_is_refused(
    client: FlaskClient, captioner: FakeCaptioner, path: str, headers: dict[str, str]
) -> None:
    accept = {"Accept": "text/html" if path == "/" else "*/*"}
    response = client.post(path, data=upload(), headers=headers | accept)
    assert response.status_code == 403
    assert "Another site sent this request." in response.text
    assert captioner.seen == []


@pytest.mark.parametrize("path", ["/", "/api/v1/captions"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": OWN},
        {"Sec-Fetch-Site": "same-origin", "Origin": OWN},
        {"Sec-Fetch-Site": "none"},
        # A proxy that hides the port from Kantu.
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"},
    ],
    ids=["curl", "an old browser or plain http", "the page", "typed", "behind a proxy"],
)
def test_its_own_page_and_programs_are_let_in(
    client: FlaskClient, path: str, headers: dict[str, str]
) -> None:
    assert client.post(path, data=upload(), headers=headers).status_code == 200


def test_other_sites_may_link_to_the_page(client: FlaskClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
