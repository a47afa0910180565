"""The whole way from a download to a checkpoint, once, with an encoder that learns nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from training import encoders, features
from training.conversion import convert_encoder
from training.datasets import flickr8k
from training.export import export
from training.recipes import Recipe
from training.train import train

TINY = encoders.Encoder("tiny", 0.25, 0.3, 32, "", "", "")
COLOURS = {"red": ("红色", "#c00000"), "green": ("绿色", "#00a000"), "blue": ("蓝色", "#0000d0")}
RECIPES = {
    language: Recipe(
        language, units=24, embedding=24, batch_size=10, epochs=4, mixed_precision=False
    )
    for language in ("en", "zh")
}


@dataclass(frozen=True)
class Pipeline:
    """Where each step left what it made."""

    dataset: Path
    weights: Path
    features: Path
    runs: dict[str, Path]
    checkpoint: Path


def draw_download(root: Path) -> Path:
    """Squares of three colours, described in two languages, in Flickr8k's layout."""
    images, text = root / "Flicker8k_Dataset", root / "Flickr8k_text"
    images.mkdir(parents=True)
    text.mkdir()
    english, chinese, names = [], [], []
    for number in range(24):
        name, (colour, (word, code)) = f"{number}.jpg", list(COLOURS.items())[number % 3]
        names.append(name)
        Image.new("RGB", (240 + number, 230), code).save(images / name)
        for caption in range(5):
            size = "small" if number % 2 else "large"
            english.append(f"{name}#{caption}\tA {size} {colour} square on a {colour} page .\n")
            chinese.append(f"{name}#zhc#{caption} 一个{word}的方块。\n")
    (text / flickr8k.CAPTION_FILES["en"]).write_text("".join(english), encoding="utf-8")
    (text / flickr8k.CAPTION_FILES["zh"]).write_text("".join(chinese), encoding="utf-8")
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders.ENCODERS, TINY.name, TINY)
        flickr8k.write(draw_download(root / "download"), made.dataset, shards=3)
        write_weights(made.weights)
        features.compute(made.dataset, TINY.name, made.weights, made.features, views=3, workers=1)
        for language, recipe in RECIPES.items():
            train(recipe, made.dataset, made.features, made.runs[language])
        export(
            list(made.runs.values()), made.features, made.weights, "tiny", made.checkpoint.parent
        )
    return made
