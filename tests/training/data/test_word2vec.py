import numpy as np
import pytest

from app.captioning.vocabulary import Vocabulary
from training.data import word2vec

GROUPS = (("cat", "dog", "hen", "pig"), ("red", "blue", "green", "pink"))
SIZE = 16


def corpus() -> list[list[str]]:
    """Captions with an animal, any of them, and captions with a colour, between other words."""
    random = np.random.default_rng(0)
    captions = []
    for group, before, after in zip(GROUPS, "ac", "bd", strict=True):
        places = [f"{before}{n}" for n in range(20)], group, [f"{after}{n}" for n in range(20)]
        columns = [random.choice(place, 1500) for place in places]
        captions += [[str(word) for word in row] for row in zip(*columns, strict=True)]
    return captions


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.build([*corpus(), ["never"]], 1)


@pytest.fixture(scope="module")
def vectors(vocabulary: Vocabulary) -> np.ndarray:
    with pytest.MonkeyPatch.context() as patch:
        # As many steps as of a real corpus' pairs.
        patch.setattr(word2vec, "BATCH_SIZE", 256)
        return word2vec.train_word2vec(corpus(), vocabulary, SIZE, epochs=100)


@pytest.mark.parametrize(("group", "word"), [(group, word) for group in GROUPS for word in group])
def test_the_nearest_words_are_those_that_stand_in_the_same_places(
    vectors: np.ndarray, vocabulary: Vocabulary, group: tuple[str, ...], word: str
):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    (place,) = vocabulary.encode([word])
    nearest = np.argsort(-units @ units[place])[1:4]
    assert {vocabulary.words[one] for one in nearest} == set(group) - {word}


def test_the_values_are_as_large_as_those_of_random_ones(
    vectors: np.ndarray, vocabulary: Vocabulary
):
    assert vectors.shape == (len(vocabulary), SIZE)
    assert vectors.dtype == np.float32
    assert vectors.std() == pytest.approx(1, rel=0.05)
    (never,) = vocabulary.encode(["never"])
    assert vectors[never].std() == pytest.approx(1, rel=0.5)


def test_the_same_seed_gives_the_same_vectors(vocabulary: Vocabulary):
    def train(seed: int) -> np.ndarray:
        return word2vec.train_word2vec(corpus(), vocabulary, SIZE, epochs=2, seed=seed)

    np.testing.assert_array_equal(train(1), train(1))
    assert not np.allclose(train(1), train(2), atol=1e-3)


def test_of_frequent_words_few_stay_and_of_rare_words_all():
    tokens = np.repeat([0, 1], [99_990, 10])
    kept = word2vec.subsample(np.random.default_rng(0), tokens, np.bincount(tokens))
    assert kept[tokens == 0].mean() == pytest.approx(word2vec.SUBSAMPLING**0.5, rel=0.1)
    assert kept[tokens == 1].all()


def test_pairs_stay_within_their_sentence_and_the_window():
    tokens = np.arange(20, dtype=np.int32)
    sentence_of = np.repeat([0, 1], [4, 16])
    pairs = word2vec.skip_grams(np.random.default_rng(0), tokens, sentence_of)
    distances = np.abs(pairs[:, 0] - pairs[:, 1])
    assert (sentence_of[pairs[:, 0]] == sentence_of[pairs[:, 1]]).all()
    assert distances.min() == 1 and distances.max() == word2vec.WINDOW
    neighbours = {(one, other) for one, other in pairs.tolist() if abs(one - other) == 1}
    assert len(neighbours) == 2 * (3 + 15)
