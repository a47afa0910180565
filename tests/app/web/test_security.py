from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.config import ROOT


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
