from __future__ import annotations

import pytest
from flask.testing import FlaskClient

ENGLISH, CHINESE = "What is in the picture?", "照片里有什么？"


@pytest.mark.parametrize(
    ("accepted", "title"),
    [
        ("", ENGLISH),
        ("*", ENGLISH),
        ("en-GB,en;q=0.9,zh;q=0.8", ENGLISH),
        ("fr,de;q=0.5", ENGLISH),
        ("zh", CHINESE),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh-CN,en;q=0.8", CHINESE),
        ("zh-TW,en;q=0.8", CHINESE),
        ("zh-Hans-CN,en;q=0.8", CHINESE),
        ("fr,zh-Hant;q=0.5,en;q=0.4", CHINESE),
        ("zh;q=0,en;q=0.1", ENGLISH),
    ],
)
def test_the_page_speaks_what_the_browser_accepts(
    client: FlaskClient, accepted: str, title: str
) -> None:
    page = client.get("/", headers={"Accept-Language": accepted}).text
    assert f"<h1>{title}</h1>" in page
    assert ('<html lang="zh-Hans">' in page) == (title == CHINESE)
    assert ('<html lang="en">' in page) == (title == ENGLISH)


def test_what_was_chosen_stays_chosen(client: FlaskClient) -> None:
    english = {"Accept-Language": "en"}
    assert CHINESE in client.get("/?lang=zh", headers=english).text
    assert CHINESE in client.get("/", headers=english).text
    assert ENGLISH in client.get("/?lang=en", headers=english).text
    assert ENGLISH in client.get("/", headers={"Accept-Language": "zh"}).text


def test_an_unknown_choice_is_no_choice(client: FlaskClient) -> None:
    response = client.get("/?lang=xx", headers={"Accept-Language": "zh"})
    assert CHINESE in response.text
    assert "Set-Cookie" not in response.headers


def test_the_cookie_is_for_this_site_alone(client: FlaskClient) -> None:
    cookie = client.get("/?lang=zh").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    cookie = client.get("/?lang=en", base_url="https://kantu.example").headers["Set-Cookie"]
    assert "Secure" in cookie


def test_caches_are_told_that_the_page_comes_in_languages(client: FlaskClient) -> None:
    assert client.get("/").vary == {"Accept-Language", "Cookie"}


def test_the_page_offers_both_languages_and_marks_its_own(client: FlaskClient) -> None:
    page = " ".join(client.get("/?lang=zh").text.split())
    assert 'href="/?lang=en" lang="en" hreflang="en" >English</a>' in page
    assert 'href="/?lang=zh" lang="zh-Hans" hreflang="zh-Hans" aria-current="true">中文</a>' in page
