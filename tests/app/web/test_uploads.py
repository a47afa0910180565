from __future__ import annotations

import os
import sys
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from tests.fakes import jpeg, multipart, noise


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


def form(*parts: bytes, end: bytes = b"--edge--\r\n") -> bytes:
    return b"".join(b"--edge\r\nContent-Disposition: form-data; " + part for part in parts) + end


FILE = b'name="photo"; filename="%s"\r\n\r\n%s\r\n'
TEXT = b'name="photo"\r\n\r\n%s\r\n'


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        (form(FILE % ("照片.jpg".encode("gbk"), jpeg())), "bad_request", "not in UTF-8"),
        (form(FILE % (b"a.jpg", jpeg()), end=b""), "bad_request", "cannot be read"),
        (b"nothing of the kind", "bad_request", "cannot be read"),
        (form(TEXT % b"photo"), "no_photo", "came without a file name"),
        (form(TEXT % bytes(900_000)), "request_too_large", "with a file name"),
        (form(*[b'name="a"\r\n\r\nb\r\n'] * 500), "request_too_large", "too many fields"),
        (form(b'name="language"\r\n\r\nen\r\n'), "no_photo", "No photo arrived"),
    ],
    ids=["GBK", "cut off", "no form", "as text", "as large text", "many fields", "no photo"],
)
def test_a_form_that_holds_no_photo_is_told_its_own_cause(
    client: FlaskClient, body: bytes, code: str, sentence: str
) -> None:
    sent = client.post(
        "/api/v1/captions", data=body, content_type="multipart/form-data; boundary=edge"
    )
    error = sent.get_json()["error"]
    assert error["code"] == code and sentence in error["message"]
    assert sent.status_code == (413 if code == "request_too_large" else 400)


def test_a_name_in_chinese_is_fine_in_utf_8(client: FlaskClient) -> None:
    body = form(FILE % ("图.jpg".encode(), jpeg()))
    sent = client.post(
        "/api/v1/captions", data=body, content_type="multipart/form-data; boundary=edge"
    )
    assert sent.status_code == 200
    assert sent.get_json()["photos"][0]["name"] == "图.jpg"


@pytest.mark.parametrize("path", ["/api/v1/captions", "/model/predict", "/"])
def test_a_compressed_request_is_told_so(client: FlaskClient, path: str) -> None:
    field = "image" if path == "/model/predict" else "photo"
    data = {field: (BytesIO(jpeg()), "a.jpg")}
    sent = client.post(path, data=data, headers={"Content-Encoding": "gzip"})
    assert sent.status_code == 415
    assert "compressed (gzip)" in sent.text


@pytest.mark.parametrize("encoding", ["", "identity", "utf-8", "binary", " identity ", "7bit"])
def test_other_encodings_are_harmless(client: FlaskClient, encoding: str) -> None:
    data = {"photo": (BytesIO(jpeg()), "a.jpg")}
    sent = client.post("/api/v1/captions", data=data, headers={"Content-Encoding": encoding})
    assert sent.status_code == 200


class Broken(BytesIO):
    """A body at which the server itself fails."""

    def read(self, size: int | None = -1) -> bytes:
        raise RuntimeError


def test_bodies_at_which_it_fails_hold_up_no_later_ones(client: FlaskClient) -> None:
    def refused(body: BytesIO) -> int:
        environ = {"wsgi.input_terminated": True}
        return client.post("/nothing", input_stream=body, environ_overrides=environ).status_code

    for _ in range(9):
        with pytest.raises(RuntimeError):
            refused(Broken())
    left = BytesIO(b"unread")
    assert refused(left) == 404
    assert left.read() == b"", "it is read, so that the client reads the answer"
