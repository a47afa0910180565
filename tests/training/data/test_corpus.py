import json
from dataclasses import replace

import numpy as np
import pytest

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus, Features, batches
from training.data.loading import load_corpus
from training.data.tfrecord import Example
from training.data.writing import Split, write_metadata, write_splits
from training.recipes import Recipe

RECIPE = Recipe(language="en", photos=2, captions_each=3, max_words=5)
VOCABULARY = Vocabulary.build([list("abcdefgh")], 1)


@pytest.fixture
def corpus() -> Corpus:
    """Nine photos, whose features are their own number, plus 100 in the mirrored view."""
    numbers = np.arange(9, dtype=np.float16)[:, None]
    captions = [
        [list("abcdefgh"[: 1 + (photo + nth) % 8]) for nth in range(3)] for photo in range(9)
    ]
    captions[0][0] = []
    features = Features([str(n) for n in range(9)], np.stack([numbers, numbers + 100]))
    return Corpus(features, captions, np.arange(9))


def said(corpus: Corpus, recipe: Recipe = RECIPE, epoch: int = 0) -> list[tuple[int, list[str]]]:
    """Which photo each caption of an epoch came with."""
    found = []
    for batch in batches(corpus, VOCABULARY, recipe, epoch):
        photos = np.repeat(batch.features[:, 0], recipe.captions_each)
        for photo, targets, mask in zip(photos, batch.targets, batch.mask, strict=True):
            if mask.any():
                words = VOCABULARY.decode(targets[: int(mask.sum())])
                found.append((int(photo) % 100, words))
    return found


def test_every_caption_comes_once_with_its_own_photo(corpus):
    expected = [
        (photo, tuple(caption[: RECIPE.max_words]))
        for photo, captions in enumerate(corpus.captions)
        for caption in captions
        if caption
    ]
    assert sorted(said(corpus)) == sorted(expected)


def test_a_photo_with_more_captions_shows_others_in_other_epochs(corpus):
    recipe = replace(RECIPE, captions_each=1)
    epochs = [said(corpus, recipe, epoch) for epoch in range(12)]
    assert {len(epoch) for epoch in epochs} == {9}
    written = {
        (photo, tuple(caption[: RECIPE.max_words]))
        for photo, captions in enumerate(corpus.captions)
        for caption in captions
        if caption
    }
    assert {caption for epoch in epochs for caption in epoch} == written


def test_a_batch_has_as_many_rows_of_each_photo(corpus):
    for batch in batches(corpus, VOCABULARY, RECIPE, epoch=0):
        assert len(batch.inputs) == 3 * len(batch.features)


def test_inputs_are_the_targets_one_word_later(corpus):
    for batch in batches(corpus, VOCABULARY, RECIPE, epoch=0):
        for inputs, targets, mask in zip(batch.inputs, batch.targets, batch.mask, strict=True):
            length = int(mask.sum())
            if not length:
                continue
            assert inputs[0] == VOCABULARY.start
            assert targets[length - 1] == VOCABULARY.end
            assert np.array_equal(inputs[1:length], targets[: length - 1])


def test_photos_of_a_batch_have_captions_of_like_length():
    """Each word more is computed for all captions of the batch."""
    random = np.random.default_rng(0)
    captions = [[["a"] * length] * 3 for length in random.integers(1, 15, size=40)]
    features = Features(list(map(str, range(40))), np.zeros((1, 40, 1), np.float16))
    corpus = Corpus(features, captions, np.arange(40))
    recipe = replace(RECIPE, max_words=15)
    padding = [1 - batch.mask.mean() for batch in batches(corpus, VOCABULARY, recipe, epoch=0)]
    assert np.mean(padding) < 0.3


def test_both_views_are_seen(corpus):
    views = {
        int(value) // 100
        for batch in batches(corpus, VOCABULARY, RECIPE, epoch=0)
        for value in batch.features[:, 0]
    }
    assert views == {0, 1}


def test_an_epoch_is_the_same_in_every_run_and_unlike_the_next(corpus):
    def epoch(number):
        return [batch.inputs.tolist() for batch in batches(corpus, VOCABULARY, RECIPE, number)]

    assert epoch(0) == epoch(0)
    assert epoch(0) != epoch(1)


@pytest.fixture
def dataset(tmp_path):
    """Five photos; "b" and "d" have no Chinese captions."""
    photos = [
        Example(name, number, b"", {"en": (f"photo {name}",)} | chinese)
        for number, (name, chinese) in enumerate(
            {
                "a": {"zh": ("一",)},
                "b": {},
                "c": {"zh": ("二",)},
                "d": {},
                "e": {"zh": ("三",)},
            }.items()
        )
    ]
    folder = tmp_path / "dataset"
    folder.mkdir()
    written = write_splits({"train": Split(len(photos), photos)}, folder, shards=1)
    write_metadata(folder, {"name": "five", "splits": written})
    return folder


@pytest.fixture
def cache(tmp_path):
    """Writes features of photos: two views, whose values are the row's number, and 100 more."""

    def write(names):
        rows = np.arange(len(names), dtype=np.float16)[:, None]
        np.save(tmp_path / "train.npy", np.stack([rows, rows + 100]))
        (tmp_path / "features.json").write_text(json.dumps({"names": {"train": names}}))
        return tmp_path

    return write


def test_photos_without_captions_in_the_language_are_left_out(dataset, cache):
    corpus = load_corpus(dataset, cache(list("abcde")), "train", "zh")
    assert corpus.captions == [[["一"]], [["二"]], [["三"]]]
    assert corpus.look(0, slice(None)).tolist() == [[0], [2], [4]]


def test_all_photos_stay_where_all_have_captions(dataset, cache):
    corpus = load_corpus(dataset, cache(list("edcba")), "train", "en")
    assert [captions[0][1] for captions in corpus.captions] == list("edcba")
    assert corpus.look(0).tolist() == [[0], [1], [2], [3], [4]]


def test_features_are_those_of_the_views_and_photos_asked_for(dataset, cache):
    corpus = load_corpus(dataset, cache(list("abcde")), "train", "zh")
    looked = corpus.look(np.array([1, 0, 1]), np.array([2, 1, 2]))
    assert looked.tolist() == [[104], [2], [104]]
    assert looked.dtype == np.float32


def test_batches_pair_captions_with_the_features_of_their_own_photo(dataset, cache):
    corpus = load_corpus(dataset, cache(list("abcde")), "train", "zh")
    vocabulary = Vocabulary.build([["一", "二", "三"]], 1)
    pairs = {
        (vocabulary.words[targets[0]], int(features[0]) % 100)
        for batch in batches(corpus, vocabulary, RECIPE, epoch=0)
        for features, targets in zip(batch.features, batch.targets[::3], strict=True)
    }
    assert pairs == {("一", 0), ("二", 2), ("三", 4)}


def test_the_features_stay_on_disk(dataset, cache):
    corpus = load_corpus(dataset, cache(list("abcde")), "train", "zh")
    assert isinstance(corpus.features.values, np.memmap)


def test_a_photo_that_the_dataset_does_not_have_is_an_error(dataset, cache):
    with pytest.raises(ValueError, match=r"no 'zh' captions of x \(1 such photos in train\)"):
        load_corpus(dataset, cache(["a", "b", "x"]), "train", "zh")


def test_a_language_in_which_no_photo_has_captions_is_an_error(dataset, cache):
    with pytest.raises(ValueError, match="no 'zh' captions in train"):
        load_corpus(dataset, cache(["b", "d"]), "train", "zh")
