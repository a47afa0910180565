"""Scheduled sampling. What else this objective does is tested where whole trainings are."""

import numpy as np
import pytest

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus, Features
from training.recipes import Likelihood, Recipe
from training.train.maximum_likelihood import MaximumLikelihood
from training.train.trainer import Trainer

CAPTIONS = [list("abcd"), list("dcb")]
VOCABULARY = Vocabulary.build(CAPTIONS, 1)
RECIPE = Recipe(
    "en",
    units=16,
    embedding=16,
    feature_dropout=0.0,
    dropout=0.0,
    photos=2,
    captions_each=2,
    likelihood=Likelihood(epochs=3, scheduled_sampling=0.5),
    mixed_precision=False,
)
FEATURES = np.eye(2, 6, dtype=np.float32)
SEED = np.array([1, 2], np.int32)


@pytest.fixture
def trainer() -> Trainer:
    """Of six photos: three batches an epoch, all of one length."""
    features = Features(list("abcdef"), np.tile(FEATURES, (1, 3, 1)).astype(np.float16))
    corpus = Corpus(features, [CAPTIONS] * 6, np.arange(6))
    return Trainer(RECIPE, VOCABULARY, corpus, corpus)


@pytest.fixture
def stage(trainer: Trainer) -> MaximumLikelihood:
    return trainer._stages["likelihood"]


def written(captions: int = 4) -> np.ndarray:
    """Captions of two photos."""
    words = np.random.default_rng(0).integers(len(VOCABULARY), size=(captions, 6), dtype=np.int32)
    words[:, 0] = VOCABULARY.start
    return words


def mixed(stage: MaximumLikelihood, words: np.ndarray, share: float, seed=SEED) -> np.ndarray:
    return stage._mix(FEATURES, words, np.float32(share), seed).numpy()


def test_a_share_of_nothing_changes_no_word(stage: MaximumLikelihood):
    np.testing.assert_array_equal(mixed(stage, written(), 0.0), written())


def test_a_share_of_one_replaces_each_word_by_what_the_decoder_says_in_its_place(
    trainer: Trainer, stage: MaximumLikelihood
):
    kernel, bias = trainer.decoder.logits.get_weights()
    # So sure of itself that drawing a word leaves no choice.
    trainer.decoder.logits.set_weights([1e4 * kernel, bias])
    said = np.argmax(trainer.decoder(FEATURES, written()), axis=-1)
    read = mixed(stage, written(), 1.0)
    np.testing.assert_array_equal(read[:, 0], written()[:, 0])
    np.testing.assert_array_equal(read[:, 1:], said[:, :-1])


def test_words_come_as_often_as_the_decoder_holds_them_likely(
    trainer: Trainer, stage: MaximumLikelihood
):
    kernel, _ = trainer.decoder.logits.get_weights()
    likely = np.arange(1, len(VOCABULARY) + 1) / np.arange(1, len(VOCABULARY) + 1).sum()
    trainer.decoder.logits.set_weights([0 * kernel, np.log(likely)])
    read = mixed(stage, written(4000), 1.0)[:, 1:]
    found = np.bincount(read.ravel(), minlength=len(VOCABULARY)) / read.size
    np.testing.assert_allclose(found, likely, atol=0.01)


def test_a_share_in_between_replaces_so_many_words(trainer: Trainer, stage: MaximumLikelihood):
    kernel, bias = trainer.decoder.logits.get_weights()
    never_written = VOCABULARY.unknown
    bias[never_written] = 100
    trainer.decoder.logits.set_weights([0 * kernel, bias])
    words = np.full((1000, 6), VOCABULARY.start, np.int32)
    read = mixed(stage, words, 0.3)
    assert (read[:, 1:] == never_written).mean() == pytest.approx(0.3, abs=0.03)


def test_the_same_seed_draws_the_same_words_and_another_others(stage: MaximumLikelihood):
    words = mixed(stage, written(), 0.5)
    np.testing.assert_array_equal(words, mixed(stage, written(), 0.5))
    assert not np.array_equal(words, mixed(stage, written(), 0.5, SEED + 1))


def test_the_share_grows_from_nothing_to_the_recipe_s_in_the_last_epoch(
    stage: MaximumLikelihood, monkeypatch: pytest.MonkeyPatch
):
    shares: list[list[float]] = []

    def mix(features, inputs, share, seed):
        shares[-1].append(float(share))
        return inputs

    monkeypatch.setattr(stage, "_mix", mix)
    for epoch in range(3):
        shares.append([])
        stage.run_epoch(epoch, epoch)
    assert shares == [[], [0.25] * 3, [0.5] * 3]


def test_batches_of_one_shape_need_one_graph(stage: MaximumLikelihood):
    """The number of the batch, of which the seed is made, is no part of the graph."""
    stage.run_epoch(2, 2)
    assert stage._mix.experimental_get_tracing_count() == 1
    assert stage._train_step.experimental_get_tracing_count() == 1
