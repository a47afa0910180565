import numpy as np
import pytest

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus, Features
from training.recipes import Likelihood, Recipe, SelfCritical
from training.train.rewards import until_end
from training.train.trainer import Trainer

CAPTIONS = [["a", "red", "square"], ["a", "green", "ball"]]
VOCABULARY = Vocabulary.build(CAPTIONS, 1)
RECIPE = Recipe(
    "en",
    units=16,
    embedding=16,
    likelihood=Likelihood(epochs=0),
    self_critical=SelfCritical(
        epochs=60,
        photos=6,
        samples=6,
        learning_rate=0.02,
        likelihood=0.0,
        temperature=1.0,
        words=4,
    ),
    mixed_precision=False,
    max_words=4,
)


@pytest.fixture
def corpus() -> Corpus:
    """Six photos that show one of two things, which their features tell apart."""
    features = np.tile(np.eye(2, dtype=np.float16) * 4, (1, 3, 1))
    captions = [[caption] * 2 for caption in CAPTIONS * 3]
    return Corpus(Features(list("abcdef"), features), captions, np.arange(6))


@pytest.fixture
def trainer(corpus: Corpus) -> Trainer:
    return Trainer(RECIPE, VOCABULARY, corpus, corpus)


def test_the_end_closes_a_caption_and_belongs_to_it():
    end = Vocabulary.end
    said = np.array([[5, end, 5, end], [5, 5, 5, 5], [end, 5, 5, 5]])
    assert until_end(said, end).tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]


def test_captions_are_rewarded_with_cider_d_against_the_photo_s_own_references(trainer: Trainer):
    said = np.array(
        [[*VOCABULARY.encode(caption), Vocabulary.end] for caption in [*CAPTIONS, *CAPTIONS[::-1]]]
    )
    samples = np.repeat(said, 3, axis=0)
    rewards = trainer._stages["self_critical"].rewards.of(
        np.array([0, 1]), samples, np.ones_like(samples, np.float32)
    )
    assert rewards.shape == (2, 6)
    # The first three captions of each photo are its own, the others the other photo's.
    assert rewards[:, :3].min() > 100 > rewards[:, 3:].max()


def test_what_is_said_at_random_is_the_same_in_every_run(trainer: Trainer):
    features = np.eye(2, dtype=np.float32)
    say = trainer._stages["self_critical"]._say
    first, same, other = (say(features, np.array([seed, 7], np.int32)) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert first.shape[0] == 2 * RECIPE.self_critical.samples
    assert first.shape[1] <= RECIPE.max_words + 1


def test_it_finds_the_captions_that_the_score_likes(trainer: Trainer):
    """From nothing but rewards: no caption is ever shown to the decoder."""
    rewards = [trainer.run_epoch()["reward"] for _ in range(RECIPE.self_critical.epochs)]
    assert np.mean(rewards[-5:]) > 3 * np.mean(rewards[:5])
