from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.captioning.vocabulary import START, Vocabulary
from training.data.corpus import (
    MINIMUM_COUNT,
    Batch,
    Batches,
    Corpus,
    Lesson,
    ahead,
    build_vocabulary,
    mentioned,
    repeatable_words,
)
from training.data.features import CollectionSplit
from training.recipes import LanguageConfig

VOCABULARY = Vocabulary.build([list("abcdefgh")], 1)
CONFIG = LanguageConfig(max_length=5)
PHOTOS = 9


def collection(captions: list[dict[str, list[list[str]]]], first: int = 0) -> CollectionSplit:
    """Photos whose features are their own number, plus 100 in the second augmentation."""
    numbers = np.arange(first, first + len(captions), dtype=np.float16)[:, None]
    names = [f"{int(number)}.jpg" for number in numbers[:, 0]]
    return CollectionSplit(names, captions, {"pooled": np.stack([numbers, numbers + 100])}, 2)


@pytest.fixture
def corpus() -> Corpus:
    """Of two collections, with three captions of each photo, one of which has no words."""
    captions = [
        {"en": [list("abcdefgh"[: 1 + (photo + nth) % 8]) for nth in range(3)]}
        for photo in range(PHOTOS)
    ]
    captions[0]["en"][0] = []
    return Corpus([collection(captions[:4]), collection(captions[4:], 4)], "en")


def batches(corpus: Corpus, captions_per_photo: int = 3, epoch: int = 0) -> list[Batch]:
    made = Batches({"en": Lesson(corpus, VOCABULARY, CONFIG)}, 2, captions_per_photo, seed=1)
    found = list(made.epoch(epoch))
    assert len(found) == len(made)
    return found


def pairs(found: list[Batch], captions_per_photo: int = 3) -> list[tuple[int, tuple[str, ...]]]:
    """Which photo each caption of an epoch came with."""
    return [
        (int(photo) % 100, VOCABULARY.decode(targets[: int(mask.sum())]))
        for batch in found
        for photo, targets, mask in zip(
            np.repeat(batch.features["pooled"][:, 0], captions_per_photo),
            batch.captions["en"]["targets"],
            batch.captions["en"]["mask"],
            strict=True,
        )
        if mask.any()
    ]


def written(corpus: Corpus) -> list[tuple[int, tuple[str, ...]]]:
    return [
        (photo, tuple(caption[:5]))
        for photo, captions in enumerate(corpus.captions)
        for caption in captions
    ]


def test_every_caption_comes_once_with_its_own_photo(corpus: Corpus):
    found = batches(corpus)
    assert sorted(pairs(found)) == sorted(written(corpus))
    augmentations = {int(one) // 100 for batch in found for one in batch.features["pooled"][:, 0]}
    assert augmentations == {0, 1}


def test_a_photo_with_more_captions_shows_others_in_other_epochs(corpus: Corpus):
    epochs = [pairs(batches(corpus, 1, epoch), 1) for epoch in range(12)]
    assert {len(epoch) for epoch in epochs} == {PHOTOS}
    assert {pair for epoch in epochs for pair in epoch} == set(written(corpus))


def test_batches_are_of_one_size_and_what_fills_them_counts_for_nothing(corpus: Corpus):
    for batch in batches(corpus):
        assert len(batch.features["pooled"]) == 2
        assert {len(array) for array in batch.captions["en"].values()} == {6}


def test_inputs_are_the_targets_one_word_later(corpus: Corpus):
    for batch in batches(corpus):
        arrays = batch.captions["en"]
        for inputs, targets, mask in zip(
            arrays["inputs"], arrays["targets"], arrays["mask"], strict=True
        ):
            length = int(mask.sum())
            if length:
                assert inputs[0] == VOCABULARY.start
                assert targets[length - 1] == VOCABULARY.end
                assert np.array_equal(inputs[1:length], targets[: length - 1])


def test_captions_begin_with_the_style_of_their_length(corpus: Corpus):
    config = replace(CONFIG, styles=(("<short>", 2), ("<long>", 8)))
    vocabulary = build_vocabulary(corpus, config)
    made = Batches({"en": Lesson(corpus, vocabulary, config)}, 2, 3, seed=1)
    short, long = vocabulary.encode(["<short>", "<long>"])
    for batch in made.epoch(0):
        arrays = batch.captions["en"]
        for inputs, mask in zip(arrays["inputs"], arrays["mask"], strict=True):
            if mask.any():
                assert inputs[0] == (short if mask.sum() <= 3 else long)  # the end counts


def test_photos_of_a_batch_have_captions_of_like_length():
    """Each word more is computed for all captions of the batch."""
    random = np.random.default_rng(0)
    captions = [{"en": [["a"] * length] * 3} for length in random.integers(1, 15, size=40)]
    config = replace(CONFIG, max_length=15)
    ours = Lesson(Corpus([collection(captions)], "en"), VOCABULARY, config)
    made = Batches({"en": ours}, 2, 3, seed=1)
    assert np.mean([1 - batch.captions["en"]["mask"].mean() for batch in made.epoch(0)]) < 0.3


def test_batches_of_one_length_are_as_long_as_a_caption_may_be(corpus: Corpus):
    made = Batches({"en": Lesson(corpus, VOCABULARY, CONFIG)}, 2, 3, seed=1, one_length=True)
    shapes = {array.shape for one in made.epoch(0) for array in one.captions["en"].values()}
    assert shapes == {(6, 6)}  # five words, and the start or the end


def test_an_epoch_is_the_same_in_every_run_and_unlike_the_next(corpus: Corpus):
    first, again, following = (pairs(batches(corpus, epoch=epoch)) for epoch in (0, 0, 1))
    assert first == again != following


def test_photos_of_two_collections_are_looked_up_in_the_right_one():
    """Those without captions in the language are left out."""
    chinese = {"zh": [["一"]]}
    first = collection([chinese, {"en": [["a"]]}, chinese])
    corpus = Corpus([first, collection([{"zh": [[]]}, chinese], first=3)], "zh")
    assert corpus.names == ["0.jpg", "2.jpg", "4.jpg"]
    assert corpus.captions == [[["一"]]] * 3
    looked = corpus.look([2, 0, 1, 2], np.array([0, 1, 1, 1]))["pooled"]
    assert looked.tolist() == [[4], [100], [102], [104]]
    assert looked.dtype == np.float32


def test_a_corpus_has_as_many_augmentations_as_each_of_its_collections():
    many = collection([{"en": [["a"]]}])
    assert Corpus([many, replace(many, augmentations=1)], "en").augmentations == 1


def test_words_that_come_often_enough_are_listed():
    captions = [{"en": [["often", "rare"], *[["often"]] * (MINIMUM_COUNT - 1)]}]
    corpus = Corpus([collection(captions)], "en")
    words = build_vocabulary(corpus, CONFIG).words
    assert "often" in words and "rare" not in words and START in words
    grounded = build_vocabulary(corpus, replace(CONFIG, grounded=True))
    assert {"often", "dog", "teddy bear"} <= set(grounded.words)


def test_what_a_caption_of_a_photo_mentions_is_known(corpus: Corpus):
    table = mentioned(corpus, VOCABULARY)
    assert table.shape == (PHOTOS, len(VOCABULARY))
    assert {VOCABULARY.words[one] for one in np.flatnonzero(table[1])} == set("abcd")


def test_words_that_people_say_twice_may_be_repeated():
    """In a twentieth of the captions that have them, and one odd caption proves nothing."""
    captions = [["a", "dog", "and", "a", "dog"]] * 20 + [["a", "man", "on", "a", "bed"]] * 180
    captions += [["the", "dog"]] * 200 + [["bed", "by", "bed"], ["on", "the", "on"]]
    assert repeatable_words([captions[:100], captions[100:]]) == ["dog", "a"]
    assert repeatable_words([]) == []


def test_what_is_got_ready_ahead_comes_in_order_and_its_errors_come_too():
    def items():
        yield from range(10)
        raise OSError("the disk is gone")

    came = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in ahead(items()):
            came.append(item)  # noqa: PERF402  # extend() would say nothing of those before
    assert came == list(range(10))
    assert list(ahead(range(5))) == [0, 1, 2, 3, 4]
