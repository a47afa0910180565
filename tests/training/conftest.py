"""The whole way from a download to a checkpoint, once, with an encoder that learns nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests.training.detectors import write_graph
from training import encoders
from training.data import features, flickr8k, regions
from training.encoders import detector
from training.export.checkpoint import export
from training.export.conversion import convert_encoder
from training.recipes import Likelihood, Recipe, SelfCritical
from training.train.train import train

TINY = encoders.efficientnet_lite.encoder("tiny", 0.25, 0.3, 96, "", "", "")
COLOURS = {"red": ("红色", "#c00000"), "green": ("绿色", "#00a000"), "blue": ("蓝色", "#0000d0")}
RECIPES = {
    language: Recipe(
        language,
        units=24,
        embedding=24,
        photos=2,
        likelihood=Likelihood(epochs=4),
        mixed_precision=False,
    )
    for language in ("en", "zh")
}
GROUNDED = replace(
    RECIPES["en"],
    decoder="neural_baby_talk",
    likelihood=Likelihood(epochs=12, learning_rate=3e-3),
    grounded=True,
)
ATTENDING = replace(
    RECIPES["en"],
    decoder="top_down",
    likelihood=Likelihood(epochs=1, scheduled_sampling=0.2),
    fine_tuning=Likelihood(epochs=2, scheduled_sampling=0.5),
    self_critical=SelfCritical(epochs=1, photos=9, samples=3),
)


@dataclass(frozen=True)
class Pipeline:
    """Where each step left what it made."""

    dataset: Path
    weights: Path
    features: Path
    runs: dict[str, Path]
    checkpoint: Path


SQUARES = dict.fromkeys(COLOURS, ("square", "方块"))
THINGS = {"red": ("dog", "狗"), "green": ("cat", "猫"), "blue": ("car", "车")}
"""What tests.training.detectors finds on photos of each colour."""


def draw_download(root: Path, things: dict[str, tuple[str, str]] = SQUARES) -> Path:
    """Squares of three colours, described in two languages, in Flickr8k's layout.

    Args:
        things: what those of each colour are called.
    """
    images, text = root / "Flicker8k_Dataset", root / "Flickr8k_text"
    images.mkdir(parents=True)
    text.mkdir()
    english, chinese, translated, names = [], [], [], []
    for number in range(24):
        name, (colour, (word, code)) = f"{number}.jpg", list(COLOURS.items())[number % 3]
        names.append(name)
        english_thing, chinese_thing = things[colour]
        Image.new("RGB", (240 + number, 230), code).save(images / name)
        for caption in range(5):
            size = "small" if number % 2 else "large"
            english.append(
                f"{name}#{caption}\tA {size} {colour} {english_thing} on a {colour} page .\n"
            )
            chinese.append(f"{name}#zhc#{caption} 一个{word}的{chinese_thing}。\n")
            translated.append(f"{name}#zhb#{caption} 在{word}的纸上有一个{word}的方块。\n")
    (text / flickr8k.CAPTION_FILES["en"]).write_text("".join(english), encoding="utf-8")
    (text / flickr8k.CAPTION_FILES["zh"]).write_text("".join(chinese), encoding="utf-8")
    path = text / flickr8k.CAPTION_FILES["zh_translated"]
    path.write_text("".join(translated), encoding="utf-8")
    for split, part in (("train", names[:18]), ("dev", names[18:])):
        (text / flickr8k.SPLIT_FILES[split]).write_text("\n".join(part) + "\n")
    return root


def he_normal(random: np.random.Generator, layer: keras.Layer, weight: np.ndarray) -> np.ndarray:
    """So that a colour is still to be seen after many layers (He et al. 2015)."""
    if weight.ndim == 1:
        return weight
    inputs = weight.shape[2] if isinstance(layer, keras.layers.Conv2D) else 1
    return random.normal(0, np.sqrt(2 / (weight.shape[0] ** 2 * inputs)), weight.shape)


def write_weights(path: Path) -> None:
    """A weights file of the tiny encoder, int8 as EfficientNet-Lite3's is."""
    model = encoders.build(TINY, None, TINY.size, batch_size=1)
    random = np.random.default_rng(0)
    for layer in model.layers:
        layer.set_weights([he_normal(random, layer, one) for one in layer.get_weights()])
    photos = random.integers(0, 256, (20, TINY.size, TINY.size, 3), np.uint8)
    path.write_bytes(convert_encoder(model, photos))


@pytest.fixture(scope="session", autouse=True)
def _tiny_encoder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders.ENCODERS, TINY.name, TINY)
        yield


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    root = tmp_path_factory.mktemp("pipeline")
    made = Pipeline(
        root / "dataset",
        root / "tiny.tflite",
        root / "features",
        {language: root / language for language in RECIPES},
        root / "assets" / "tiny",
    )
    flickr8k.write(draw_download(root / "download"), made.dataset, shards=3)
    write_weights(made.weights)
    features.compute(made.dataset, TINY.name, made.weights, made.features, views=3, workers=1)
    for language, recipe in RECIPES.items():
        train(recipe, made.dataset, made.features, made.runs[language])
    runs = list(made.runs.values())
    export(runs, made.features, made.weights, "tiny", made.checkpoint.parent)
    return made


@pytest.fixture(scope="session")
def attending(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The same with a decoder that attends, and that trains the encoder's last blocks."""
    root = tmp_path_factory.mktemp("attending")
    made = Pipeline(
        pipeline.dataset,
        pipeline.weights,
        root / "features",
        {"en": root / "en"},
        root / "assets" / "attending",
    )
    features.compute(
        made.dataset, TINY.name, made.weights, made.features, views=2, workers=1, kind="map"
    )
    train(ATTENDING, made.dataset, made.features, made.runs["en"])
    export([made.runs["en"]], made.features, made.weights, "attending", made.checkpoint.parent)
    return made


@pytest.fixture(scope="session")
def grounded(attending: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The same with words that point at what a detector found."""
    root = tmp_path_factory.mktemp("grounded")
    made = Pipeline(
        root / "dataset",
        attending.weights,
        root / "features",
        {"en": root / "en"},
        root / "assets" / "grounded",
    )
    flickr8k.write(draw_download(root / "download", THINGS), made.dataset, shards=3)
    graph, lite = root / "detector.pb", root / "detector.tflite"
    write_graph(graph)
    detector.write_detector(graph, made.dataset, lite)
    regions.compute(
        made.dataset,
        attending.features,
        attending.runs["en"],
        lite,
        graph,
        made.features,
        views=2,
        workers=1,
    )
    train(GROUNDED, made.dataset, made.features, made.runs["en"])
    export([made.runs["en"]], made.features, made.weights, "grounded", made.checkpoint.parent)
    return made
