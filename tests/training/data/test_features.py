import json

import numpy as np
import pytest
from PIL import Image

from app.captioning.captioner import Captioner
from app.photos import read_photo
from tests.training.conftest import Pipeline
from training.data import open_split
from training.data.augmentation import view
from training.data.features import load_features


@pytest.fixture
def photo() -> Image.Image:
    return Image.effect_noise((224, 224), 80).convert("RGB")


def test_the_first_view_is_the_photo_and_the_second_its_mirror_image(photo):
    assert np.array_equal(view(photo, 0, "a"), photo)
    assert np.array_equal(view(photo, 1, "a"), np.asarray(photo)[:, ::-1])


def test_other_views_are_crops_that_are_the_same_in_every_run(photo):
    assert np.array_equal(view(photo, 2, "a"), view(photo, 2, "a"))
    assert view(photo, 2, "a").size == photo.size
    for other in (view(photo, 2, "b"), view(photo, 3, "a"), photo):
        assert not np.array_equal(view(photo, 2, "a"), other)


def test_every_photo_has_its_features_in_order(pipeline: Pipeline):
    for split, views in (("train", 3), ("dev", 1)):
        features = load_features(pipeline.features, split)
        assert features.names == [one.file_name for one in open_split(pipeline.dataset, split)]
        assert features.values.shape == (views, len(features.names), 1280)


def test_they_are_what_the_checkpoint_s_encoder_will_say(pipeline: Pipeline):
    captioner = Captioner.load(pipeline.checkpoint, "litert")
    features = load_features(pipeline.features, "dev")
    for row, example in zip(features.values[0], open_split(pipeline.dataset, "dev"), strict=True):
        photo = read_photo(example.photo, 1 << 30, 1 << 30)
        np.testing.assert_allclose(captioner.encode(photo).features, row, rtol=1e-3, atol=1e-3)


def test_the_weights_they_come_from_are_noted(pipeline: Pipeline):
    facts = json.loads((pipeline.features / "features.json").read_text())
    assert facts["encoder"] == "tiny"
    assert len(facts["weights_sha256"]) == 64
