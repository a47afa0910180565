"""The programs in examples/, run as users run them, against Kantu and small servers that behave as
the documents of Mastodon (methods/media) and of WordPress (REST API, media) say.
"""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request

from app.config import ROOT
from tests.fakes import SAID, fake_app, jpeg
from tests.server import address_of, threaded

TOKEN = "s3same-0pen"
EN, ZH = SAID["en"][0], SAID["zh"][0]

Run = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    with threaded(app) as server:
        yield address_of(server)


@pytest.fixture(scope="module")
def kantu() -> Iterator[str]:
    with serving(fake_app(token=TOKEN, rate_limit=None, log=False)) as address:
        yield address


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / 'a "dog".jpg'
    path.write_bytes(jpeg())
    return path


@pytest.fixture
def run(kantu: str) -> Run:
    def run(name: str, *arguments: str | Path, **environment: str) -> Any:
        program = ROOT / "examples" / name
        command = [sys.executable, program] if program.suffix == ".py" else [program]
        return subprocess.run(
            [*command, *arguments],
            env={**os.environ, "KANTU": kantu, "KANTU_TOKEN": TOKEN, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_curl(run: Run, photo: Path) -> None:
    result = run("caption.sh", photo, "zh")
    assert result.returncode == 0, result.stderr
    assert ZH in result.stdout


@pytest.mark.parametrize("name", ["a,b;type=text.jpg", 'a "dog" \\ cat.jpg', "@图.jpg", "<x>.jpg"])
def test_curl_takes_any_name(run: Run, photo: Path, name: str) -> None:
    strange = photo.rename(photo.with_name(name))
    result = run("caption.sh", strange)
    assert result.returncode == 0, result.stderr
    assert EN in result.stdout


def test_curl_shows_an_error_and_fails(run: Run, photo: Path) -> None:
    result = run("caption.sh", photo, KANTU_TOKEN="wrong")
    assert result.returncode != 0
    assert "unauthorized" in result.stdout


def test_the_python_client_captions_photos_and_says_which_it_could_not(
    run: Run, photo: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"GIF89a")
    result = run("kantu_client.py", broken, photo)
    assert result.returncode == 1
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{broken}: This file is GIF")
    assert second == f"{photo}: {EN}"


def test_the_python_client_says_why_a_request_failed(run: Run, photo: Path) -> None:
    result = run("kantu_client.py", photo, KANTU_TOKEN="wrong")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "This server is private. Sign in with its access token.\n"


def test_the_python_client_tries_again_when_it_is_told_to(run: Run, photo: Path) -> None:
    busy = Flask("busy")
    statuses = [503, 429]

    @busy.post("/api/v1/captions")
    def captions() -> Response:
        if statuses:
            fault = {"code": "busy", "message": "Try again."}
            return Response(
                jsonify(error=fault).data,
                statuses.pop(),
                {"Retry-After": "1"},
                mimetype="text/json",
            )
        return jsonify(photos=[{"name": "a.jpg", "captions": [{"text": EN}]}])

    with serving(busy) as address:
        result = run("kantu_client.py", photo, KANTU=address)
    assert (result.returncode, result.stdout) == (0, f"{photo}: {EN}\n")
    assert not statuses


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (502, "<h1>Bad gateway</h1>", "answered: 502 BAD GATEWAY."),
        (413, '{"message": "Too large"}', "answered: 413 REQUEST ENTITY TOO LARGE."),
        (500, "[]", "answered: 500 INTERNAL SERVER ERROR."),
        (200, "<form>Sign in to this network</form>", "What answers there is not Kantu."),
    ],
)
def test_the_python_client_tells_another_server_s_answer(
    run: Run, photo: Path, status: int, body: str, said: str
) -> None:
    proxy = Flask("proxy")
    # The date is one way to write Retry-After, which Kantu has no use of.
    head = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    proxy.post("/api/v1/captions")(lambda: Response(body, status, head))
    with serving(proxy) as address:
        result = run("kantu_client.py", photo, KANTU=address)
    assert (result.returncode, result.stdout) == (1, "")
    assert said in result.stderr and "Traceback" not in result.stderr


class Mastodon:
    """POST /api/v2/media, GET and PUT /api/v1/media/:id, POST /api/v1/statuses."""

    def __init__(self) -> None:
        self.app = Flask("mastodon")
        self.media: list[dict[str, Any]] = []
        self.files: list[bytes] = []
        self.posts: list[dict[str, Any]] = []
        self.still_processing = 1
        self.app.before_request(self.authorize)
        self.app.post("/api/v2/media")(self.upload)
        self.app.get("/api/v1/media/<int:one>")(self.get)
        self.app.put("/api/v1/media/<int:one>")(self.update)
        self.app.post("/api/v1/statuses")(self.post)
        self.app.get("/files/<int:one>")(self.file)

    def authorize(self) -> tuple[Response, int] | None:
        public = request.path.startswith("/files")
        if public or request.headers.get("Authorization") == "Bearer mastodon":
            return None
        return jsonify(error="The access token is invalid"), 401

    def upload(self) -> tuple[Response, int]:
        file = request.files["file"]
        assert file.mimetype == "image/jpeg", "Mastodon wants a MIME type"
        self.files.append(file.read())
        one = str(len(self.media))
        self.media.append(
            {
                "id": one,
                "type": "image",
                "url": None,
                "preview_url": f"{request.url_root}files/{one}",
                "description": request.form.get("description"),
            }
        )
        return jsonify(self.media[-1]), 202

    def get(self, one: int) -> tuple[Response | str, int]:
        if self.still_processing:
            self.still_processing -= 1
            return "", 206
        return jsonify(self.media[one]), 200

    def update(self, one: int) -> Response:
        self.media[one]["description"] = request.form["description"]
        return jsonify(self.media[one])

    def post(self) -> Response:
        media = [self.media[int(one)] for one in request.form.getlist("media_ids[]")]
        self.posts.append(
            {"text": request.form["status"], "alt": [one["description"] for one in media]}
        )
        return jsonify(url="https://mastodon.example/@mei/1")

    def file(self, one: int) -> Response:
        return Response(self.files[one], mimetype="image/jpeg")


def test_mastodon_posts_have_alt_texts(run: Run, photo: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(jpeg()[:300])
    mastodon = Mastodon()
    with serving(mastodon.app) as address:
        result = run(
            "mastodon.py",
            "A walk",
            *(photo, f"{photo}=My dog Bello.", broken),
            MASTODON=address,
            MASTODON_TOKEN="mastodon",
            KANTU_LANGUAGE="zh",
        )
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"0: {ZH}\nhttps://mastodon.example/@mei/1\n"
    assert result.stderr.startswith("no alt text for 2: This photo is damaged or incomplete.")
    assert mastodon.posts == [{"text": "A walk", "alt": [ZH, "My dog Bello.", None]}]


@pytest.mark.parametrize("fault", ["preview", "kantu", "processing"])
def test_mastodon_posts_without_an_alt_text_where_there_can_be_none(
    run: Run, photo: Path, fault: str
) -> None:
    """A preview that is gone, a Kantu that is down, a server that never ends processing."""
    mastodon = Mastodon()
    if fault == "preview":
        mastodon.files = [b""]
        mastodon.app.view_functions["file"] = lambda one: ("gone", 404)
    more = {"KANTU": "http://127.0.0.1:9"} if fault == "kantu" else {}
    if fault == "processing":
        mastodon.still_processing = 10**6
    with serving(mastodon.app) as address:
        result = run(
            *("mastodon.py", "A walk", photo),
            MASTODON=address,
            MASTODON_TOKEN="mastodon",
            MASTODON_SECONDS="2",
            **more,
        )
    assert result.returncode == 0, result.stderr
    assert "no alt text for 0: " in result.stderr and "Traceback" not in result.stderr
    assert mastodon.posts == [{"text": "A walk", "alt": [""]}] or mastodon.posts[0]["alt"] == [None]


@pytest.mark.parametrize("fault", ["upload", "post", "missing"])
def test_where_nothing_is_posted_no_upload_is_left_behind(
    run: Run, photo: Path, fault: str
) -> None:
    mastodon = Mastodon()
    deleted: list[int] = []
    mastodon.app.add_url_rule(
        "/api/v1/media/<int:one>",
        "delete",
        lambda one: deleted.append(one) or jsonify({}),
        methods=["DELETE"],
    )
    photos = [photo, photo.with_name("missing.jpg") if fault == "missing" else photo]
    if fault == "upload":
        upload = mastodon.upload
        mastodon.app.view_functions["upload"] = lambda: (
            upload() if not mastodon.media else (jsonify(error="full"), 500)
        )
    if fault == "post":
        mastodon.app.view_functions["post"] = lambda: (jsonify(error="no"), 422)
    with serving(mastodon.app) as address:
        result = run(
            *("mastodon.py", "A walk", *photos), MASTODON=address, MASTODON_TOKEN="mastodon"
        )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("Nothing was posted: ")
    assert "Traceback" not in result.stderr
    assert deleted == list(range(len(mastodon.media))) and not mastodon.posts


class WordPress:
    """GET and POST /wp-json/wp/v2/media, of at most two items a page."""

    def __init__(self, *photos: dict[str, Any]) -> None:
        self.app = Flask("wordpress")
        self.photos = [
            {"id": 10 + number, "media_details": {}, "alt_text": "", **one}
            for number, one in enumerate(photos)
        ]
        self.written: list[int] = []
        self.app.get("/wp-json/wp/v2/media")(self.list)
        self.app.post("/wp-json/wp/v2/media/<int:one>")(self.update)
        self.app.get("/<path:name>")(self.file)

    def list(self) -> Response:
        page, most = int(request.args["page"]), min(2, int(request.args["per_page"]))
        kind = request.args["mime_type"]
        found = [self.shown(one) for one in self.photos if one["mime_type"] == kind]
        response = jsonify(found[(page - 1) * most : page * most])
        response.headers["X-WP-TotalPages"] = str(-(-len(found) // most))
        return response

    def shown(self, photo: dict[str, Any]) -> dict[str, Any]:
        return photo | {"source_url": request.url_root + photo["source_url"]}

    def update(self, one: int) -> tuple[Response, int] | Response:
        known = "Basic " + b64encode(b"mei:abcd efgh").decode()
        if request.headers.get("Authorization") != known:
            return jsonify(code="rest_cannot_edit", message="…", data={"status": 401}), 401
        (photo,) = [photo for photo in self.photos if photo["id"] == one]
        photo |= request.get_json()
        self.written.append(one)
        return jsonify(photo)

    def file(self, name: str) -> Response:
        return Response(b"GIF89a" if "broken" in name else jpeg(), mimetype="image/jpeg")


def test_wordpress_photos_without_alt_text_get_one(run: Run) -> None:
    photo = {"mime_type": "image/jpeg"}
    wordpress = WordPress(
        photo | {"source_url": "dog.jpg"},
        photo | {"source_url": "cat.jpg", "alt_text": "My cat."},
        photo | {"source_url": "broken.jpg"},
        {"source_url": "logo.png", "mime_type": "image/png"},
        photo | {"source_url": "sea.jpg"},
    )
    settings = {"WORDPRESS_USER": "mei", "WORDPRESS_PASSWORD": "abcd efgh"}
    with serving(wordpress.app) as address:
        result = run("wordpress.py", WORDPRESS=address, **settings)
        again = run("wordpress.py", WORDPRESS=address, **settings)
    assert [one["alt_text"] for one in wordpress.photos] == [EN, "My cat.", "", "", EN]
    assert wordpress.written == [10, 14], "each once, and none that had one"
    assert result.stdout == f"{address}/dog.jpg: {EN}\n{address}/sea.jpg: {EN}\n"
    assert result.returncode == again.returncode == 1
    assert result.stderr.startswith(f"{address}/broken.jpg: This file is GIF")
    assert again.stdout == ""


def test_wordpress_large_photos_are_read_from_their_smaller_copy(run: Run) -> None:
    wordpress = WordPress({"source_url": "broken.jpg", "mime_type": "image/jpeg"})
    with serving(wordpress.app) as address:
        copy = {"large": {"source_url": f"{address}/large.jpg"}}
        wordpress.photos[0]["media_details"] = {"sizes": copy}
        settings = {"WORDPRESS_USER": "mei", "WORDPRESS_PASSWORD": "abcd efgh"}
        result = run("wordpress.py", WORDPRESS=address, **settings)
    assert result.returncode == 0, result.stderr
    assert wordpress.photos[0]["alt_text"] == EN


def test_wordpress_goes_on_whatever_one_photo_does(run: Run) -> None:
    """An address with Chinese characters is fetched, and a photo that is gone is passed over."""
    photo = {"mime_type": "image/jpeg"}
    names = ("gone.jpg", "照片 1.jpg", "sea%20side.jpg", "a.jpg")
    wordpress = WordPress(*(photo | {"source_url": name} for name in names))
    file = wordpress.file
    wordpress.app.view_functions["file"] = lambda name: (
        ("gone", 404) if name == "gone.jpg" else file(name)
    )
    settings = {"WORDPRESS_USER": "mei", "WORDPRESS_PASSWORD": "abcd efgh"}
    with serving(wordpress.app) as address:
        result = run("wordpress.py", WORDPRESS=address, **settings)
    assert [one["alt_text"] for one in wordpress.photos] == ["", EN, EN, EN]
    assert result.returncode == 1
    assert result.stderr == f"{address}/gone.jpg: HTTP Error 404: NOT FOUND\n"


def test_wordpress_says_where_there_is_none(run: Run) -> None:
    settings = {"WORDPRESS_USER": "mei", "WORDPRESS_PASSWORD": "abcd efgh"}
    with serving(Flask("other")) as address:
        result = run("wordpress.py", WORDPRESS=address, **settings)
    assert result.returncode == 1
    assert result.stderr.startswith("The media library cannot be read: ")
    assert "Traceback" not in result.stderr
