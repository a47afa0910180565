import numpy as np
import pytest

from app.captioning.vocabulary import Vocabulary
from training.corpus import Corpus, batches
from training.features import Features
from training.recipes import Recipe

RECIPE = Recipe(language="en", batch_size=4, max_words=5)
VOCABULARY = Vocabulary.build([list("abcdefgh")], 1)


@pytest.fixture
def corpus() -> Corpus:
    """Nine photos, whose features are their own number, plus 100 in the mirrored view."""
    numbers = np.arange(9, dtype=np.float16)[:, None]
    captions = [
        [list("abcdefgh"[: 1 + (photo + nth) % 8]) for nth in range(3)] for photo in range(9)
    ]
    captions[0][0] = []
    return Corpus(
        Features([str(n) for n in range(9)], np.stack([numbers, numbers + 100])), captions
    )


def test_every_caption_comes_once_with_its_own_photo(corpus):
    seen = []
    for batch in batches(corpus, VOCABULARY, RECIPE, epoch=0):
        for features, targets, mask in zip(batch.features, batch.targets, batch.mask, strict=True):
            words = VOCABULARY.decode(targets[: int(mask.sum())])
            seen.append((int(features[0]) % 100, words))
    expected = [
        (photo, tuple(caption[: RECIPE.max_words]))
        for photo, captions in enumerate(corpus.captions)
        for caption in captions
        if caption
    ]
    assert sorted(seen) == sorted(expected)


def test_inputs_are_the_targets_one_word_later(corpus):
    for batch in batches(corpus, VOCABULARY, RECIPE, epoch=0):
        for inputs, targets, mask in zip(batch.inputs, batch.targets, batch.mask, strict=True):
            length = int(mask.sum())
            assert inputs[0] == VOCABULARY.start
            assert targets[length - 1] == VOCABULARY.end
            assert np.array_equal(inputs[1:length], targets[: length - 1])


def test_captions_of_a_batch_are_of_like_length(corpus):
    padding = [1 - batch.mask.mean() for batch in batches(corpus, VOCABULARY, RECIPE, epoch=0)]
    assert np.mean(padding) < 0.2


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
