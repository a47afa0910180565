"""Tiny datasets whose photos differ in width, and a captioner that knows them by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from app.captioning.captioner import Caption, Encoding
from app.captioning.grounding import Region, Slot
from tests.fakes import FakeCaptioner
from training.data.datasets import make

HEIGHT = 50


def write_dataset(out: Path, captions: dict[int, Sequence[str]], dev_every: int | None = None):
    """A TFRecord dataset of photos of these widths, in English, named like 100.jpg.

    Args:
        dev_every: with N, photos 0, N, 2N… are "dev"; with None, none are.
    """
    root = out.with_name(f"{out.name} download")
    for folder in ("images", "annotations"):
        (root / folder).mkdir(parents=True)
    images, annotations = [], []
    for width, texts in captions.items():
        name = f"{width}.jpg"
        Image.new("RGB", (width, HEIGHT), "red").save(root / "images" / name)
        images.append({"id": width, "file_name": name})
        annotations += [{"image_id": width, "caption": text} for text in texts]
    content = {"info": {}, "images": images, "annotations": annotations}
    (root / "annotations" / "captions.json").write_text(json.dumps(content), encoding="utf-8")
    names = [image["file_name"] for image in images]
    dev = names[::dev_every] if dev_every else []
    splits = {"train": [name for name in names if name not in dev], "dev": dev}
    (root / "splits.json").write_text(json.dumps(splits), encoding="utf-8")
    make(root, out, shards=2)
    return out


class ScriptedCaptioner(FakeCaptioner):
    """Says and sees of photos of each width what it was given.

    Args:
        objects: what it can be told to mention; that, and nothing else, is what it then says.
    """

    def __init__(
        self,
        captions: dict[int, str],
        regions: dict[int, tuple[Region, ...]] | None = None,
        slots: dict[int, tuple[Slot, ...]] | None = None,
        objects: tuple[str, ...] = (),
    ):
        super().__init__("scripted", ("en",))
        self.captions, self.regions, self.slots = captions, regions or {}, slots or {}
        self.objects = objects

    def encode(self, photo: np.ndarray) -> Encoding:
        width = photo.shape[1]
        return Encoding({"pooled": np.array([width])}, self.regions.get(width, ()))

    def caption(self, photo: np.ndarray, language: str, beam_width: int = 3) -> list[Caption]:
        return self.decode(self.encode(photo), language, beam_width)

    def decode(
        self,
        encoding: Encoding,
        language: str,
        beam_width: int = 3,
        mention: Sequence[str] = (),
    ) -> list[Caption]:
        width = int(encoding.features["pooled"][0])
        text = " and ".join(mention) or self.captions[width]
        best = Caption(text, tuple(text.lower().split()), -1.0, self.slots.get(width, ()))
        return [best, Caption("worse", ("worse",), -2.0)]
