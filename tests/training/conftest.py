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
from training.data import flickr8k
from training.data.datasets import make
from training.encoders.int8 import convert_encoder
from training.inputs import DETECTOR_WEIGHTS, Places, prepare
from training.recipes import (
    DecoderConfig,
    LanguageConfig,
    MaximumLikelihood,
    Recipe,
    SelfCritical,
)
from training.run import run_recipe
from training.train.model import CaptioningModel
from training.train.run_folder import Run, assign_weights, load_weights, read_record
from training.train.training import Inputs, Training

TINY = encoders.efficientnet_lite.encoder("tiny", 0.25, 0.3, 96, "", "tiny.tflite", "")
COLOURS = {"red": ("红色", "#c00000"), "green": ("绿色", "#00a000"), "blue": ("蓝色", "#0000d0")}


def small(architecture: str = "show_and_tell") -> DecoderConfig:
    return DecoderConfig(architecture, units=24, embedding=24)


PLAIN = Recipe(
    languages={name: LanguageConfig((small(),)) for name in ("en", "zh")},
    stages=(MaximumLikelihood(epochs=4, learning_rate=1e-3, batch_size=2),),
    encoder=TINY.name,
    augmentations=3,
    precision="float32",
)
ATTENDING = replace(
    PLAIN,
    languages={"en": LanguageConfig((small("top_down"),))},
    stages=(
        MaximumLikelihood(epochs=2, learning_rate=1e-3, batch_size=2, averaged=2),
        MaximumLikelihood(epochs=2, learning_rate=1e-3, batch_size=2, encoder="stage"),
        SelfCritical(epochs=1, batch_size=9, likelihood_batch_size=3, samples=3, max_length=8),
    ),
    grid=True,
    augmentations=2,
)
GROUNDED = replace(
    ATTENDING,
    languages={"en": LanguageConfig((small("neural_baby_talk"),), grounded=True)},
    stages=(
        MaximumLikelihood(epochs=8, learning_rate=3e-3, batch_size=2),
        SelfCritical(epochs=1, batch_size=9, likelihood_batch_size=3, samples=3, max_length=8),
    ),
)


@dataclass(frozen=True)
class Pipeline:
    """Where a recipe left what it made."""

    recipe: Recipe
    places: Places
    run: Path
    checkpoint: Path

    @property
    def dataset(self) -> Path:
        return self.places.data / "flickr8k"


def trained(made: Pipeline) -> tuple[CaptioningModel, Inputs]:
    """A run's model with the weights that it keeps, in float32, and what it read."""
    record = read_record(made.run)
    facts = {name: record[name] for name in ("data", "encoder", "began_from")}
    inputs = prepare(made.recipe, made.places)
    training = Training(made.recipe, Run(made.run, made.recipe, facts), inputs, None)
    assign_weights(training.served, load_weights(made.run))
    return training.served, inputs


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


def make_places(root: Path, things: dict[str, tuple[str, str]] = SQUARES) -> Places:
    """Where everything is that a recipe needs, and room for what it makes."""
    names = ("data", "weights", "features", "runs", "models")
    places = Places(**{name: root / name for name in names})
    make(draw_download(root / "download", things), places.data / "flickr8k", shards=3)
    (places.weights / DETECTOR_WEIGHTS).parent.mkdir(parents=True)
    write_weights(places.weights / TINY.weights_file)
    write_graph(places.weights / DETECTOR_WEIGHTS)
    return places


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return make_places(tmp_path_factory.mktemp("places"))


def run(recipe: Recipe, name: str, places: Places) -> Pipeline:
    checkpoint = places.models / name
    run_recipe(recipe, places.runs / name, checkpoint, places)
    return Pipeline(recipe, places, places.runs / name, checkpoint)


@pytest.fixture(scope="session")
def pipeline(places: Places) -> Pipeline:
    return run(PLAIN, "plain", places)


@pytest.fixture(scope="session")
def attending(places: Places) -> Pipeline:
    """The same with a decoder that attends, and that trains the encoder's stage."""
    return run(ATTENDING, "attending", places)


@pytest.fixture(scope="session")
def grounded(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The same with words that point at what a detector found."""
    return run(GROUNDED, "grounded", make_places(tmp_path_factory.mktemp("things"), THINGS))
