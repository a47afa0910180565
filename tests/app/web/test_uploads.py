from __future__ import annotations

import os
import sys
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from tests.fakes import multipart, noise


@pytest.mark.parametrize("path", ["/", "/api/v1/captions"])
def test_no_photo_touches_the_disk(client: FlaskClient, path: str) -> None:
    photo = noise(1500, 1500)
    assert len(photo) > 1_000_000, "Werkzeug makes a file of more than 500 kB"
    # Made by hand: for a body from its `data`, the test client itself writes a file.
    body = multipart(photo)
    opened: list[str] = []
    watching = True

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and _writes(arguments):
            opened.append(str(arguments[0]))

    sys.addaudithook(audit)
    response = client.post(
        path,
        input_stream=BytesIO(body),
        content_length=len(body),
        content_type="multipart/form-data; boundary=boundary",
    )
    watching = False
    assert response.status_code == 200
    assert opened == []


def _writes(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


@pytest.mark.parametrize(("megabytes", "read"), [(11, 11), (80, 64)])
def test_a_refused_upload_is_read_and_thrown_away_up_to_a_limit(
    client: FlaskClient, megabytes: int, read: int
) -> None:
    body = BytesIO(bytes(megabytes * 1024 * 1024))
    response = client.post(
        "/",
        input_stream=body,
        content_length=megabytes * 1024 * 1024,
        content_type="multipart/form-data; boundary=boundary",
        environ_overrides={"wsgi.input_terminated": True},  # as gunicorn says it
    )
    assert response.status_code == 413
    assert body.tell() == read * 1024 * 1024
