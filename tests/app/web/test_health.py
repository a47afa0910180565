from __future__ import annotations

from flask.testing import FlaskClient


def test_it_is_alive(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_it_is_ready_with_its_models(client: FlaskClient) -> None:
    assert client.get("/readyz").get_json() == {"status": "ready", "models": ["fake"]}
