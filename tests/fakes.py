"""A captioner without weights, photos without files, and an application made of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
from flask import Flask
from PIL import Image

from app import create_app
from app.captioning.captioner import Caption, Captioner, Encoding
from app.captioning.confidence import Confidence, mean_probability
from app.captioning.grounding import Box, Region, Slot
from app.config import Settings

SAID = {
    "en": ["A red square.", "A square that is red.", "Something red.", "A red thing."],
    "zh": ["一个红色的方块。", "一块红色。", "红色的东西。", "一片红。"],
}


PERHAPS = {"en": ("circle", "paper"), "zh": ("圆形", "纸")}
"""What a FakeCaptioner says beside its guesses."""


class FakeCaptioner:
    """Says the same of every photo: caption n with probability 0.15 / 10 ** n."""

    objects: tuple[str, ...] = ()
    confident = labelled = True
    confidence = {"en": Confidence(0.6, 0.5), "zh": Confidence(0.82, 0.72)}

    def __init__(self, name: str = "fake", languages: tuple[str, ...] = ("en", "zh")):
        self.name = name
        self.languages = languages
        self.seen: list[tuple[int, ...]] = []
        """The shapes of the photos it was shown."""

    def encode(self, photo: np.ndarray) -> Encoding:
        self.seen.append(photo.shape)
        return Encoding({"pooled": photo.mean(axis=(0, 1)).astype(np.float32)})

    def decode(
        self,
        encoding: Encoding,
        language: str,
        beam_width: int = 3,
        mention: Sequence[str] = (),
    ) -> list[Caption]:
        captions = said(SAID[language][:beam_width], 0.15, language, self.confidence[language])
        return [
            replace(one, perhaps=PERHAPS[language]) if one.confidence == "guess" else one
            for one in captions
        ]

    def labels(self, encoding: Encoding, language: str) -> dict[str, float]:
        return {word: 0.9 - 0.1 * nth for nth, word in enumerate(PERHAPS[language])}


def said(
    texts: Sequence[str],
    chance: float,
    language: str,
    confidence: Confidence,
    slots: Callable[[str], tuple[Slot, ...]] = lambda text: (),
) -> list[Caption]:
    """Captions, each a tenth as likely as the one before."""
    scores = [math.log(chance / 10**index) for index in range(len(texts))]
    return [
        Caption(
            text,
            tuple(text.lower().strip(".").split()),
            score,
            slots(text),
            confidence.level(mean_probability(text, language, score)),
        )
        for text, score in zip(texts, scores, strict=True)
    ]


class Unlabelled(FakeCaptioner):
    """Knows no words but its sentences."""

    labelled = False


class Guessing(FakeCaptioner):
    """Is sure of nothing."""

    confidence = dict.fromkeys(("en", "zh"), Confidence(1.0, 1.0))


class Unmeasured(FakeCaptioner):
    """Does not know what its probabilities are worth."""

    confident = False

    def decode(self, *arguments: Any) -> list[Caption]:
        return [
            replace(caption, confidence=None, perhaps=()) for caption in super().decode(*arguments)
        ]


REGIONS = (
    Region(Box(0.1, 0.3, 0.5, 0.95), "dog", 0.93),
    Region(Box(0.6, 0.05, 0.9, 0.4), "kite", 0.81),
    Region(Box(0.45, 0.7, 0.58, 0.85), "sports ball", 0.66),
)

POINTING = {
    "en": ["A puppy chases a ball.", "A dog looks at a kite.", "A dog outside.", "Grass."],
    "zh": ["一只小狗在追一个球。", "一只狗看着风筝。", "外面有一只狗。", "草地。"],
}

NAMING = {"puppy": 0, "dog": 0, "kite": 1, "ball": 2, "小狗": 0, "狗": 0, "风筝": 1, "球": 2}


class PointingCaptioner(FakeCaptioner):
    """Sees the same three objects on every photo, and points at those that it names."""

    objects = ("person", "dog", "kite", "sports ball", "pizza")
    confidence = {"en": Confidence(0.43, 0.37), "zh": Confidence(0.7, 0.6)}

    def __init__(self, name: str = "pointing", languages: tuple[str, ...] = ("en", "zh")):
        super().__init__(name, languages)
        self.chances = {"en": 0.05, "zh": 0.05}
        """Of the first caption."""
        self.mentioned: list[tuple[str, ...]] = []
        """What it was told to mention."""

    def encode(self, photo: np.ndarray) -> Encoding:
        return Encoding(super().encode(photo).features, REGIONS)

    def decode(
        self,
        encoding: Encoding,
        language: str,
        beam_width: int = 3,
        mention: Sequence[str] = (),
    ) -> list[Caption]:
        self.mentioned.append(tuple(mention))
        texts, chance = POINTING[language][:beam_width], self.chances[language]
        return said(texts, chance, language, self.confidence[language], _slots)

    def labels(self, encoding: Encoding, language: str) -> dict[str, float]:
        return {region.name: region.score for region in encoding.regions}


def _slots(text: str) -> tuple[Slot, ...]:
    found: dict[int, Slot] = {}
    for word, region in NAMING.items():
        start = text.find(word)
        if start >= 0:
            found.setdefault(region, Slot(start, start + len(word), region))
    return tuple(sorted(found.values()))


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
