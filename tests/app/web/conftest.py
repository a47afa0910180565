from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.fakes import FakeCaptioner, fake_app


@pytest.fixture
def captioner() -> FakeCaptioner:
    return FakeCaptioner()


@pytest.fixture
def app(captioner: FakeCaptioner) -> Flask:
    return fake_app(captioner)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
