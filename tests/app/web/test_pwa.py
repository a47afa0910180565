from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from app.web import pwa
from tests.fakes import SAID, fake_app, jpeg, upload


def manifest(client: FlaskClient, **options: str) -> dict:
    response = client.get("/manifest.webmanifest", **options)  # type: ignore[arg-type]
    assert response.mimetype == "application/manifest+json"
    return json.loads(response.data)


def fetched(client: FlaskClient, address: str) -> bytes:
    with client.get(address) as response:
        assert response.status_code == 200, address
        return response.data


def test_the_page_names_its_manifest_in_its_language(client: FlaskClient) -> None:
    for language, name in (("en", "Kantu"), ("zh", "看图")):
        page = client.get("/", query_string={"lang": language}).text
        (address,) = re.findall(r'<link rel="manifest" href="([^"]+)">', page)
        told = json.loads(fetched(client, address))
        assert told["short_name"] == name
        assert told["lang"] in page
        assert told["id"] == "/", "one app, whatever its language"


def test_the_manifest_makes_the_page_an_app(client: FlaskClient) -> None:
    told = manifest(client)
    assert (told["start_url"], told["scope"], told["display"]) == ("/", "/", "standalone")
    page = client.get("/").text
    assert f'content="{told["theme_color"]}"' in page, "the page's own colour"
    purposes = []
    for icon in told["icons"]:
        image = Image.open(BytesIO(fetched(client, icon["src"])))
        assert f"{image.width}x{image.height}" == icon["sizes"]
        assert Image.MIME[image.format or ""] == icon["type"]
        purposes.append((image.width, icon["purpose"]))
    assert purposes == [(192, "any"), (512, "any"), (512, "maskable")]


def test_the_maskable_icon_has_no_corners_to_lose() -> None:
    image = Image.open(pwa.STATIC / "icons" / "icon-maskable.png").convert("RGBA")
    corners = {image.getpixel((x, y)) for x in (0, 511) for y in (0, 511)}
    assert corners == {(15, 107, 92, 255)}


def test_a_photo_shared_where_no_service_worker_runs_is_captioned(client: FlaskClient) -> None:
    target = manifest(client)["share_target"]
    assert (target["method"], target["enctype"]) == ("POST", "multipart/form-data")
    (field,) = target["params"]["files"]
    assert field["accept"] == ["image/*"]
    # So a phone sends it: nobody's page had a part in it.
    headers = {"Sec-Fetch-Site": "none", "Origin": "null"}
    data = {field["name"]: (BytesIO(jpeg()), "IMG_1.jpg")}
    response = client.post(target["action"], data=data, headers=headers)
    assert response.status_code == 200
    assert SAID["en"][0] in response.text


def test_no_other_site_can_share(client: FlaskClient) -> None:
    action = manifest(client)["share_target"]["action"]
    headers = {"Sec-Fetch-Site": "cross-site", "Accept": "text/html"}
    assert client.post(action, data=upload(), headers=headers).status_code == 403


def test_the_service_worker_may_serve_the_whole_site_and_is_never_stale(
    client: FlaskClient,
) -> None:
    response = client.get("/sw.js")
    assert response.mimetype == "text/javascript"
    assert response.headers["Cache-Control"] == "no-store"
    policy = response.headers["Content-Security-Policy"]
    assert "worker-src 'self'" in policy and "manifest-src 'self'" in policy


def test_the_service_worker_keeps_what_the_page_loads(client: FlaskClient) -> None:
    (files,) = re.findall(r"FILES = (\[.*?\]);", client.get("/sw.js").text)
    page = client.get("/").text
    loaded = set(re.findall(r'(?:src|href)="(/static/[^"]+\.(?:js|css|svg))"', page))
    assert loaded and loaded <= set(json.loads(files))
    for file in json.loads(files):
        fetched(client, file)


def test_its_version_changes_with_any_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    second.write_text("23")
    before = pwa.digest([first, second])
    assert before == pwa.digest([first, second])
    first.write_text("12")
    second.write_text("3")
    assert pwa.digest([first, second]) != before, "where one file ends counts too"
    assert before not in (pwa.digest([first]), pwa.digest([]))


@pytest.mark.parametrize("path", ["/manifest.webmanifest", "/sw.js", "/static/icons/icon-192.png"])
def test_a_private_server_can_be_installed_before_one_signs_in(path: str) -> None:
    client = fake_app(token="secret").test_client()
    assert fetched(client, path)
    assert client.get("/").status_code == 401
