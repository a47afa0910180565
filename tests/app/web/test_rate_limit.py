from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import Rate
from app.web.rate_limit import MOST_ADDRESSES, RateLimit
from tests.fakes import fake_app, upload

API = "/api/v1/captions"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def limited(most: int = 3, seconds: int = 60) -> tuple[RateLimit, Clock]:
    clock = Clock()
    return RateLimit(Rate(most, seconds, except_local=False), clock), clock


def test_so_many_pass_at_once_and_then_one_as_each_comes_free() -> None:
    limit, clock = limited(most=3, seconds=60)
    assert [limit.take("1.2.3.4") for _ in range(4)] == [0, 0, 0, 20]
    clock.now += 15
    assert limit.take("1.2.3.4") == 5
    clock.now += 5
    assert [limit.take("1.2.3.4") for _ in range(2)] == [0, 20]


def test_who_waits_long_enough_has_all_of_them_again_and_no_more() -> None:
    limit, clock = limited(most=3)
    for _ in range(2):
        assert [limit.take("1.2.3.4") for _ in range(4)] == [0, 0, 0, 20]
        clock.now += 1000


@pytest.mark.parametrize("most", [1, 7, 30, 999])
def test_it_counts_exactly_whatever_floats_do(most: int) -> None:
    limit, clock = limited(most)
    clock.now = 123_456.789
    assert [limit.take("1.2.3.4") for _ in range(most)] == [0] * most
    assert limit.take("1.2.3.4") > 0


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("1.2.3.4", "1.2.3.5", False),
        ("1.2.3.4", "::ffff:1.2.3.4", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("", "no address", True),
    ],
)
def test_whose_requests_are_counted_together(one: str, other: str, together: bool) -> None:
    limit, _ = limited(most=1)
    assert limit.take(one) == 0
    assert bool(limit.take(other)) == together


def test_it_remembers_a_bounded_number_of_addresses_the_latest() -> None:
    limit, _ = limited(most=1)
    for number in range(MOST_ADDRESSES + 1):
        assert limit.take(str(IPv4Address(number))) == 0
    assert len(limit._full_again) == MOST_ADDRESSES
    assert limit.take(str(IPv4Address(MOST_ADDRESSES))) > 0, "the latest"
    assert limit.take(str(IPv4Address(0))) == 0, "forgotten"


def limited_app(proxies: int = 0, except_local: bool = False) -> Flask:
    return fake_app(rate_limit=Rate(2, 60, except_local), proxies=proxies)


def post(app: Flask, address: str, path: str = API, **headers: str) -> TestResponse:
    client: FlaskClient = app.test_client()
    return client.post(
        path,
        data=upload(),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        environ_base={"REMOTE_ADDR": address},
    )


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    app = limited_app()
    assert [post(app, "1.2.3.4").status_code for _ in range(2)] == [200, 200]
    refused = post(app, "1.2.3.4")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert f"in {refused.headers['Retry-After']} seconds" in refused.text
    chinese = post(app, "1.2.3.4", Accept_Language="zh")
    assert "请求过多" in chinese.get_json()["error"]["message"]
    assert post(app, "1.2.3.5").status_code == 200, "another address"


def test_the_form_counts_too_and_says_it_in_place() -> None:
    app = limited_app()
    assert [post(app, "1.2.3.4", path).status_code for path in (API, "/")] == [200, 200]
    refused = post(app, "1.2.3.4", "/")
    assert (refused.status_code, refused.mimetype) == (429, "text/html")
    assert "Retry-After" in refused.headers
    assert 'role="alert">Too many requests came from your address.' in refused.text


def test_looking_at_the_page_does_not_count() -> None:
    client = limited_app().test_client()
    for path in ("/", "/api/v1/models", "/healthz", "/readyz"):
        assert [client.get(path).status_code for _ in range(5)] == [200] * 5


def statuses(app: Flask, address: str, **headers: str) -> list[int]:
    return [post(app, address, **headers).status_code for _ in range(4)]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_itself_may_be_spared(address: str) -> None:
    assert statuses(limited_app(except_local=True), address) == [200] * 4
    assert statuses(limited_app(), address) == [200, 200, 429, 429]


def test_sparing_this_machine_spares_no_proxy_and_no_one_else() -> None:
    app = limited_app(except_local=True)
    assert statuses(app, "192.168.0.7") == [200, 200, 429, 429]
    unannounced = {"X_Forwarded_For": "1.2.3.4"}
    assert statuses(app, "127.0.0.1", **unannounced) == [200, 200, 429, 429]
    behind = limited_app(except_local=True, proxies=1)
    assert statuses(behind, "127.0.0.1") == [200, 200, 429, 429]


def test_a_forged_address_does_nothing() -> None:
    app = limited_app()
    answers = [post(app, "1.2.3.4", X_Forwarded_For=f"9.9.9.{n}") for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]


def test_behind_a_proxy_the_address_is_what_the_proxy_says_and_not_the_client() -> None:
    app = limited_app(proxies=1)
    # The proxy adds the true address behind what the client sent.
    forged = [f"9.9.9.{number}, 1.2.3.4" for number in range(4)]
    answers = [post(app, "127.0.0.1", X_Forwarded_For=chain) for chain in forged]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert post(app, "127.0.0.1", X_Forwarded_For="1.2.3.5").status_code == 200


def test_without_a_limit_nothing_is_counted() -> None:
    assert statuses(fake_app(rate_limit=None), "1.2.3.4") == [200] * 4
