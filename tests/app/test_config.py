from __future__ import annotations

from pathlib import Path

import pytest

from app.config import ROOT, Formats, Rate, SettingError, Settings
from app.photos.kinds import KINDS

MODEL = ROOT / "model_assets" / "kantu-2"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings(
        engine="auto",
        models=(MODEL,),
        max_bytes=10 * 1024 * 1024,
        max_pixels=50_000_000,
        max_photos=8,
        queue=60,
        beam_width=3,
        pointing=False,
        rate_limit=Rate(30, 60, except_local=True),
        token="",
        cors=(),
        proxies=0,
        log=True,
        metrics_port=None,
    )


def test_an_empty_variable_counts_as_none() -> None:
    assert Settings.from_environment({"KANTU_QUEUE": " ", "KANTU_MODELS": ""}) == Settings()


def test_every_setting_can_be_set() -> None:
    environment = {
        "KANTU_ENGINE": "litert",
        "KANTU_MODELS": "kantu-2, /srv/models/mine,./near",
        "KANTU_MAX_BYTES": "204800",
        "KANTU_MAX_PIXELS": "1000000",
        "KANTU_FORMATS": "PNG, webp",
        "KANTU_MAX_PHOTOS": "2",
        "KANTU_QUEUE": "0",
        "KANTU_BEAM_WIDTH": "10",
        "KANTU_POINTING": "on",
        "KANTU_RATE_LIMIT": "1000/day",
        "KANTU_TOKEN": "Aa0-._~+/=",
        "KANTU_CORS": "https://blog.example.com, http://localhost:3000",
        "KANTU_PROXIES": "2",
        "KANTU_LOG": "off",
        "KANTU_METRICS_PORT": "9100",
    }
    assert Settings.from_environment(environment) == Settings(
        engine="litert",
        models=(MODEL, Path("/srv/models/mine"), Path("near")),
        max_bytes=204_800,
        max_pixels=1_000_000,
        formats=Formats(*2 * ((KINDS["png"], KINDS["webp"]),)),
        max_photos=2,
        queue=0,
        beam_width=10,
        pointing=True,
        rate_limit=Rate(1000, 24 * 60 * 60, except_local=False),
        token="Aa0-._~+/=",
        cors=("https://blog.example.com", "http://localhost:3000"),
        proxies=2,
        log=False,
        metrics_port=9100,
    )


def test_a_rate_limit_can_be_turned_off() -> None:
    assert Settings.from_environment({"KANTU_RATE_LIMIT": "off"}).rate_limit is None


@pytest.mark.parametrize(
    ("value", "origins"),
    [("off", ()), ("*", ("*",)), ("moz-extension://0a-1b", ("moz-extension://0a-1b",))],
)
def test_other_sites_may_be_let_in(value: str, origins: tuple[str, ...]) -> None:
    assert Settings.from_environment({"KANTU_CORS": value}).cors == origins


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("KANTU_ENGINE", "onnx", "one of auto, litert, tensorflow"),
        ("KANTU_MODELS", "a,,b", "separated by commas"),
        ("KANTU_MODELS", "a,a", "each once"),
        ("KANTU_MAX_BYTES", "10MB", "a whole number from 1 to 268435456"),
        ("KANTU_MAX_BYTES", "1_000_000", "a whole number"),
        ("KANTU_MAX_BYTES", "9" * 5000, "a whole number"),
        ("KANTU_MAX_PIXELS", "0", "a whole number from 1 to 500000000"),
        ("KANTU_MAX_PHOTOS", "-1", "a whole number from 1 to 100"),
        ("KANTU_FORMATS", "gif", "jpeg, png, webp, avif, heic"),
        ("KANTU_FORMATS", "jpeg,jpeg", "each once"),
        ("KANTU_QUEUE", "1e3", "a whole number from 0 to 100"),
        ("KANTU_BEAM_WIDTH", "11", "a whole number from 1 to 10"),
        ("KANTU_RATE_LIMIT", "30", "such as 30/minute"),
        ("KANTU_RATE_LIMIT", "0/minute", "such as 30/minute"),
        ("KANTU_RATE_LIMIT", "30/fortnight", "second, minute, hour or day"),
        ("KANTU_RATE_LIMIT", "30/minute except me", "except local"),
        ("KANTU_RATE_LIMIT", "none", "or off"),
        ("KANTU_TOKEN", "two words", "letters A to Z"),
        ("KANTU_TOKEN", "密码", "letters A to Z"),
        ("KANTU_CORS", "blog.example.com", "such as https://blog.example.com"),
        ("KANTU_CORS", "https://blog.example.com/", "such as https://blog.example.com"),
        ("KANTU_CORS", "https://Blog.example.com", "such as https://blog.example.com"),
        ("KANTU_CORS", "https://a.example,*", "* for every site, or off"),
        ("KANTU_CORS", "null", "such as https://blog.example.com"),
        ("KANTU_PROXIES", "nginx", "a whole number from 0 to 10"),
        ("KANTU_LOG", "yes", "on or off"),
        ("KANTU_METRICS_PORT", "0", "a port from 1 to 65535, or off"),
    ],
)
def test_it_rejects_a_bad_value_with_a_sentence(variable: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({variable: value})
    sentence = str(caught.value)
    assert sentence.startswith(f"{variable} is '{value}', but must be ")
    assert allowed in sentence and sentence.endswith(".")
