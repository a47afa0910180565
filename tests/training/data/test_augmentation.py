import numpy as np
import pytest
from PIL import Image, ImageOps

from training.data.augmentation import PHOTO_SIZE, SMALLEST_CROP, augment


@pytest.fixture
def photo() -> np.ndarray:
    """As smooth as photos are, with something everywhere."""
    noise = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((PHOTO_SIZE,) * 2, Image.Resampling.BICUBIC))


def test_the_first_is_the_photo(photo):
    assert np.array_equal(augment(photo, 0, "a"), photo)


def test_the_second_is_its_mirror_image(photo):
    assert np.array_equal(augment(photo, 1, "a"), ImageOps.mirror(Image.fromarray(photo)))


def test_the_others_are_crops_that_are_the_same_in_every_run(photo):
    crop = augment(photo, 2, "a")
    assert np.array_equal(augment(photo, 2, "a"), crop)
    assert crop.shape == photo.shape
    assert crop.dtype == np.uint8
    for other in (augment(photo, 2, "b"), augment(photo, 3, "a"), photo):
        assert not np.array_equal(crop, other)


@pytest.mark.parametrize("index", range(2, 8))
def test_crops_are_those_of_pillow(photo, index):
    """Of the same box, or mirrored. The two differ in the kernel of their cubic interpolation."""
    random = np.random.default_rng([index, *b"1.jpg"])
    width, height = (PHOTO_SIZE * random.uniform(SMALLEST_CROP, 1.0, size=2)).astype(int)
    left, top = (random.integers(PHOTO_SIZE - side + 1) for side in (width, height))
    theirs = Image.fromarray(photo).resize(
        (PHOTO_SIZE,) * 2, Image.Resampling.BICUBIC, (left, top, left + width, top + height)
    )
    expected = [np.asarray(one, int) for one in (theirs, ImageOps.mirror(theirs))]
    ours = augment(photo, index, "1.jpg")
    assert min(np.abs(ours - one).mean() for one in expected) < 1


def test_the_photo_given_is_left_as_it_is(photo):
    before = photo.copy()
    for index in range(4):
        augment(photo, index, "a")
    assert np.array_equal(photo, before)
