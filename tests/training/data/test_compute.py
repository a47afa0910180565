"""What training reads of a collection: computed once, of what it really is."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.captioning.captioner import Captioner
from app.captioning.engines.litert import Graph
from tests.training.conftest import Pipeline
from training.data import compute
from training.data.augmentation import PHOTO_SIZE, augment
from training.data.compute import compute_features, squashed, squashed_file
from training.data.datasets import make, open_split
from training.data.features import (
    PHOTO,
    PackedPhotos,
    encoder_folder,
    load_facts,
    load_split,
    pack_photos,
)
from training.data.photos import upright
from training.data.tfrecord import DatasetError
from training.data.tokenization import words
from training.inputs import pretrained_weights

AUGMENTATIONS = 3


@pytest.fixture(scope="module")
def encoder(pipeline: Pipeline) -> Path:
    """The folder of the int8 encoder, and of its features."""
    recipe, places = pipeline.recipe, pipeline.places
    weights = pretrained_weights(recipe.encoder, places)
    return encoder_folder(places.features, recipe.encoder, recipe.features, weights)


@pytest.fixture
def alone(encoder: Path, tmp_path: Path) -> Path:
    """The same without features."""
    for name in ("encoder.json", "encoder.tflite"):
        (tmp_path / name).write_bytes((encoder / name).read_bytes())
    return tmp_path


def test_features_are_those_of_the_int8_encoder_of_the_augmented_photo(
    pipeline: Pipeline, encoder: Path
):
    encode = Graph(encoder / "encoder.tflite")
    for split, augmentations in (("train", AUGMENTATIONS), ("dev", 1)):
        computed = load_split(encoder / "flickr8k", split, ["pooled"])
        examples = list(open_split(pipeline.dataset, split))
        assert computed.names == [one.file_name for one in examples]
        assert computed.features["pooled"].shape == (augmentations, len(examples), 1280)
        assert computed.shapes == {"pooled": (1280,)}
        for row, example in enumerate(examples[:2]):
            for nth in range(augmentations):
                photo = augment(squashed(example.photo), nth, example.file_name)
                expected = encode(photo=photo[None])["pooled"][0]
                found = computed.features["pooled"][nth, row]
                np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_they_are_what_the_checkpoint_s_encoder_will_say(pipeline: Pipeline, encoder: Path):
    captioner = Captioner.load(pipeline.checkpoint, "litert")
    rows = load_split(encoder / "flickr8k", "dev", ["pooled"]).features["pooled"][0]
    for row, example in zip(rows, open_split(pipeline.dataset, "dev"), strict=True):
        served = captioner.encode(upright(example.photo)).features["pooled"]
        np.testing.assert_allclose(served, row, rtol=1e-3, atol=1e-3)


def test_captions_are_kept_as_words(pipeline: Pipeline, encoder: Path):
    kept = load_split(encoder / "flickr8k", "train", ())
    for captions, example in zip(kept.captions, open_split(pipeline.dataset, "train"), strict=True):
        assert set(captions) == {"en", "zh"}
        for language, texts in captions.items():
            assert texts == [words(one, language) for one in example.captions[language]]


def test_the_weights_they_come_from_are_noted(encoder: Path):
    facts = load_facts(encoder / "flickr8k")
    assert (facts["encoder"], facts["kind"], facts["augmentations"]) == ("tiny", "pooled", 3)
    assert len(facts["weights_sha256"]) == len(facts["dataset_sha256"]) == 64


def test_what_is_there_is_not_computed_again(
    pipeline: Pipeline, alone: Path, monkeypatch: pytest.MonkeyPatch
):
    written: list[str] = []

    def write(dataset, split, graph, look, out, name, workers):
        written.append(split)

    monkeypatch.setattr(compute, "_write", write)
    for augmentations, expected in ((2, 2), (2, 2), (1, 2), (3, 4)):
        out = compute_features(pipeline.dataset, alone, augmentations, workers=1)
        assert len(written) == expected
    assert load_facts(out)["augmentations"] == 3
    changed = alone / "datasets" / "flickr8k"
    make(pipeline.dataset.parents[1] / "download", changed, shards=1)
    (out / "train-photos.npz").write_bytes(b"those of the dataset before")
    compute_features(changed, alone, 3, workers=1, photos=True)
    assert len(written) == 6
    packed = load_split(out, "train", [PHOTO]).features[PHOTO]
    assert packed.shape[1] == len(list(open_split(changed, "train")))


def test_features_of_another_version_are_computed_anew(
    pipeline: Pipeline, alone: Path, monkeypatch: pytest.MonkeyPatch
):
    written: list[Path] = []
    monkeypatch.setattr(compute, "_write", lambda *given: written.append(given[4]))
    compute_features(pipeline.dataset, alone, 1, workers=1)
    monkeypatch.setattr(compute, "FEATURES_VERSION", 2)
    compute_features(pipeline.dataset, alone, 1, workers=1)
    assert len(written) == 4


def test_fewer_augmentations_than_are_asked_for_are_a_sentence(pipeline: Pipeline, encoder: Path):
    folder = encoder / "flickr8k"
    load_split(folder, "train", ["pooled"], AUGMENTATIONS)
    with pytest.raises(ValueError, match="has 3 augmentations of train photos, and 4 are asked"):
        load_split(folder, "train", ["pooled"], 4)


def test_a_dataset_that_is_not_there_is_a_sentence(alone: Path):
    with pytest.raises(DatasetError, match=r"is no dataset: it has no dataset\.json"):
        compute_features(alone / "none", alone, 1, workers=1)


def noise(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (PHOTO_SIZE, PHOTO_SIZE, 3), np.uint8)


def test_packed_photos_are_read_as_an_array_of_augmented_photos(tmp_path: Path):
    files, names = [], ["a.jpg", "b.jpg"]
    for seed in range(2):
        saved = BytesIO()
        Image.fromarray(noise(seed)).save(saved, "PNG")
        files.append(saved.getvalue())
    pack_photos(tmp_path / "photos.npz", files)
    packed = PackedPhotos(tmp_path / "photos.npz", names, AUGMENTATIONS)
    assert packed.shape == (AUGMENTATIONS, 2, PHOTO_SIZE, PHOTO_SIZE, 3)
    chosen = packed[np.array([2, 0, 1]), np.array([0, 1, 1])]
    expected = [augment(noise(at), nth, names[at]) for nth, at in ((2, 0), (0, 1), (1, 1))]
    np.testing.assert_array_equal(chosen, np.stack(expected))


def test_photos_are_packed_beside_their_features_when_they_are_asked_for(
    pipeline: Pipeline, alone: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compute, "_write", lambda *arguments: None)
    out = compute_features(pipeline.dataset, alone, 2, workers=1, photos=True)
    packed = load_split(out, "train", [PHOTO]).features[PHOTO]
    (example, *_) = open_split(pipeline.dataset, "train")
    seen = packed[np.array([1]), np.array([0])][0].astype(int)
    expected = augment(squashed(example.photo), 1, example.file_name)
    assert np.abs(seen - expected).max() < 8  # saved as JPEG


def test_a_photo_of_the_right_size_is_packed_as_the_file_it_is():
    saved = BytesIO()
    Image.fromarray(noise(0)).save(saved, "JPEG", quality=50)
    assert squashed_file(saved.getvalue()) == saved.getvalue()
    turned = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(0)).save(turned, "JPEG", quality=50, exif=exif)
    assert squashed_file(turned.getvalue()) != turned.getvalue()
