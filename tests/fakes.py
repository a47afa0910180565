"""A captioner without weights, photos without files, and an application made of both."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
from flask import Flask
from PIL import Image

from app import create_app
from app.captioning.captioner import Caption, Captioner, Encoding
from app.config import Settings

SAID = {
    "en": ["A red square.", "A square that is red.", "Something red.", "A red thing."],
    "zh": ["一个红色的方块。", "一块红色。", "红色的东西。", "一片红。"],
}


class FakeCaptioner:
    """Says the same of every photo: caption n with probability 0.05 / 10 ** n."""

    def __init__(self, name: str = "fake", languages: tuple[str, ...] = ("en", "zh")):
        self.name = name
        self.languages = languages
        self.seen: list[tuple[int, ...]] = []
        """The shapes of the photos it was shown."""

    def encode(self, photo: np.ndarray) -> Encoding:
        self.seen.append(photo.shape)
        return Encoding(photo.mean(axis=(0, 1)).astype(np.float32))

    def decode(self, encoding: Encoding, language: str, beam_width: int = 3) -> list[Caption]:
        return [
            Caption(text, tuple(text.lower().strip(".").split()), math.log(0.05 / 10**index))
            for index, text in enumerate(SAID[language][:beam_width])
        ]


def fake_app(*captioners: Any, **settings: Any) -> Flask:
    """The application with these captioners, or one FakeCaptioner."""
    by_folder = {Path(one.name): one for one in captioners or [FakeCaptioner()]}
    app = create_app(
        Settings(models=tuple(by_folder), **settings),
        load=lambda folder, engine: cast(Captioner, by_folder[folder]),
    )
    app.testing = True
    return app


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    """A red photo."""
    buffer = BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def upload(photo: bytes | None = None) -> dict[str, Any]:
    """A form with a photo, for a test client's `data`."""
    return {"photo": (BytesIO(jpeg() if photo is None else photo), "a.jpg")}


def noise(width: int, height: int) -> bytes:
    """A photo that does not compress: about one byte a pixel."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def multipart(*photos: bytes) -> bytes:
    """A request body with these photos, whose boundary is "boundary"."""
    head = (
        b"--boundary\r\n"
        b'Content-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n"
    )
    return b"".join(head + photo + b"\r\n" for photo in photos) + b"--boundary--\r\n"
