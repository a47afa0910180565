from dataclasses import replace

import keras
import numpy as np
import pytest

from app.captioning.vocabulary import SPECIAL, Vocabulary
from tests.training.train.toys import CAPTIONS, CONFIG, VOCABULARY, corpus, lesson, model
from training.data.corpus import Corpus, Lesson
from training.decoders.building import build_decoder
from training.recipes import MaximumLikelihood, SelfCritical
from training.train.losses import (
    LABEL_SMOOTHING,
    MaximumLikelihoodLoss,
    SelfCriticalLoss,
    cross_entropy,
)
from training.train.model import CaptioningModel
from training.train.rewards import Rewards, advantages, until_end
from training.train.sampling import choose
from training.train.trainer import Objective

SCORED = SelfCritical(
    epochs=40,
    batch_size=6,
    samples=6,
    learning_rate=0.02,
    likelihood_weight=0.0,
    likelihood_batch_size=3,
    temperature=1.0,
    max_length=4,
)


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(1)


def test_the_likelihood_is_the_mean_cross_entropy_of_the_words_with_smoothing():
    captioning = model()
    loss = MaximumLikelihoodLoss(MaximumLikelihood(1, batch_size=4), {"en": lesson()}, seed=1)
    batch = next(loss.epoch(0))
    shown = batch["captions"]["en"]
    logits = np.asarray(captioning.decoders["en"](batch["features"], shown["inputs"]))
    log = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    said = np.take_along_axis(log, shown["targets"][..., None], axis=-1)[..., 0]
    each = (1 - LABEL_SMOOTHING) * said + LABEL_SMOOTHING * log.mean(axis=-1)
    expected = -(each * shown["mask"]).sum() / shown["mask"].sum()
    assert float(loss(captioning, batch, False)) == pytest.approx(expected, rel=1e-5)


def test_all_batches_are_of_one_size_and_what_stands_in_counts_for_nothing():
    loss = MaximumLikelihoodLoss(MaximumLikelihood(1, batch_size=4), {"en": lesson()}, seed=1)
    shown = [one["captions"]["en"] for one in loss.epoch(0)]
    assert loss.steps == len(shown) == 2
    assert {len(one["inputs"]) for one in shown} == {4 * 5}
    assert sum(one["mask"].sum() for one in shown) == 6 * 2 * 4  # three words and the end


def test_decoders_that_share_an_encoder_add_up_their_losses_on_the_same_photos():
    captioning = model()
    captioning.decoders["zh"] = model().decoders["en"]
    lessons = {"en": lesson(6), "zh": lesson(6, described=2)}
    loss = MaximumLikelihoodLoss(MaximumLikelihood(1, batch_size=2), lessons, seed=1)
    assert loss.steps == 3
    words = 0.0
    for shown in loss.epoch(0):
        assert len(shown["features"]["pooled"]) == 2
        alone = [
            float(
                cross_entropy(
                    captioning.decoders[name], shown["features"], captions, LABEL_SMOOTHING, False
                )
            )
            for name, captions in shown["captions"].items()
        ]
        assert float(loss(captioning, shown, False)) == pytest.approx(sum(alone), rel=1e-5)
        words += shown["captions"]["zh"]["mask"].sum()
    assert words == 2 * 2 * 4  # of the photos that are described in this language


def test_a_photo_without_captions_in_a_language_teaches_it_nothing():
    captioning = model()
    captioning.decoders["zh"] = model().decoders["en"]
    lessons = {"en": lesson(6), "zh": lesson(6, described=5)}
    loss = SelfCriticalLoss(SCORED, lessons, 1, captioning)
    shown = next(loss.epoch(0))
    weights = shown["sampled"]["zh"]["mask"].reshape(6, SCORED.samples, -1)
    looked = shown["features"]["pooled"]
    assert looked.shape == (6, 2)
    undescribed = loss.photos.rows["zh"].tolist().index(-1)
    (order,) = [photos for photos, _ in loss._look(0)]
    assert not weights[order.tolist().index(undescribed)].any()
    assert weights.any()


def test_the_end_closes_a_caption_and_belongs_to_it():
    end = Vocabulary.end
    tokens = np.array([[5, end, 5, end], [5, 5, 5, 5], [end, 5, 5, 5]])
    assert until_end(tokens, end).tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]


def test_captions_are_rewarded_with_cider_d_against_the_photo_s_own_references():
    rows = [*CAPTIONS, *CAPTIONS[::-1]]
    words = np.array([[*VOCABULARY.encode(caption), Vocabulary.end] for caption in rows])
    samples = np.repeat(words, 3, axis=0)
    rewards = Rewards(lesson().corpus.captions, VOCABULARY).of(
        np.array([0, 1]), samples, np.ones_like(samples, np.float32)
    )
    assert rewards.shape == (2, 6)
    # The first three captions of each photo are its own, the others the other photo's.
    assert rewards[:, :3].min() > 100 > rewards[:, 3:].max()


def test_names_of_several_words_are_rewarded_word_by_word():
    vocabulary = Vocabulary([*VOCABULARY.words, "teddy bear"])
    written = [[["a", "teddy", "bear"]], [["a", "ball"]]]
    words = np.array([vocabulary.encode(["a", "teddy bear"]) + [Vocabulary.end]])
    mask = np.ones_like(words, np.float32)
    assert Rewards(written, vocabulary).of(np.array([0]), words, mask) > 500


def test_a_word_that_no_caption_of_the_photo_has_costs_as_much_as_people_agree_on_it():
    vocabulary = Vocabulary([*SPECIAL, "a", "dog", "small", "giraffe", "runs"])
    dogs = [["a", "dog", "runs"], ["a", "small", "dog"]]
    giraffes = [["a", "giraffe"], ["a", "giraffe", "runs"]]
    written = [dogs, giraffes, *[giraffes] * 8]
    rows = [["a", "dog", "runs", "runs"], ["a", "small", "giraffe"], ["a", "dog", "giraffe"]]
    ids = [[*vocabulary.encode(row), Vocabulary.end] for row in rows]
    samples = np.array([row + [Vocabulary.end] * (5 - len(row)) for row in ids])
    mask = until_end(samples, Vocabulary.end)
    free, charged = (
        Rewards(written, vocabulary, charge).of(np.array([0]), samples, mask)
        for charge in (0.0, 0.5)
    )
    # All 18 captions of giraffes say so; two are added in thought.
    assert (free - charged).tolist() == [pytest.approx([0, 50 * 18 / 20, 50 * 18 / 20])]


def test_a_pause_costs_nothing():
    vocabulary = Vocabulary([*SPECIAL, "人", "，", "狗"])
    written = [[["人"], ["人"]], *[[["人", "，", "狗"]] * 2] * 9]
    words = np.array([[*vocabulary.encode(["人", "，"]), Vocabulary.end]])
    mask = np.ones_like(words, np.float32)
    free, charged = (
        Rewards(written, vocabulary, charge).of(np.array([0]), words, mask) for charge in (0, 0.5)
    )
    assert free == charged


def test_what_is_better_than_the_others_of_its_photo_is_an_advantage():
    assert advantages(np.array([[100.0, 0.0, 50.0]])).ravel().tolist() == [0.75, -0.75, 0.0]


def test_chances_fall_on_words_as_often_as_they_are_likely():
    likely = np.array([0.5, 0.2, 0.3], np.float32)
    chances = np.random.default_rng(0).random(20_000, np.float32)
    chosen = np.asarray(choose(np.tile(np.log(likely), (len(chances), 1)), chances))
    np.testing.assert_allclose(np.bincount(chosen) / len(chances), likely, atol=0.01)
    extremes = np.asarray(choose(np.log(likely)[None].repeat(2, 0), np.array([0, 1], np.float32)))
    assert extremes.tolist() == [0, 2]


def test_what_is_sampled_is_the_same_in_every_run():
    def sampled(seed: int) -> np.ndarray:
        loss = SelfCriticalLoss(SCORED, {"en": lesson()}, seed, captioning)
        return next(loss.epoch(0))["sampled"]["en"]["targets"]

    captioning = model()
    assert np.array_equal(sampled(1), sampled(1))
    assert not np.array_equal(sampled(1), sampled(2))
    assert len(sampled(1)) == SCORED.batch_size * SCORED.samples


def test_it_finds_the_captions_that_the_score_likes():
    """From nothing but rewards: no caption is ever shown to the decoder."""
    captioning = model()
    loss = SelfCriticalLoss(SCORED, {"en": lesson()}, 1, captioning)
    objective = Objective(captioning, loss)
    objective.compile(keras.optimizers.Adam(loss.schedule()), jit_compile=False)
    rewards = []
    for epoch in range(SCORED.epochs):
        for shown in loss.epoch(epoch):
            objective.train_on_batch(shown)
        rewards.append(loss.figures()["en"]["reward"])
    assert np.mean(rewards[-5:]) > 3 * np.mean(rewards[:5])


def test_captions_are_sampled_in_the_style_that_most_captions_of_a_collection_have():
    styles = (("<short>", 2), ("<long>", 4))
    config = replace(CONFIG, styles=styles, start="<long>")
    vocabulary = config.vocabulary(VOCABULARY, "en")
    (described,) = corpus(6).collections
    short = replace(described, captions=[{"en": [["a", "ball"], ["a", "red", "ball"], ["ball"]]}])
    short = replace(
        short, names=["6.jpg"], features={"pooled": described.features["pooled"][:, :1]}
    )
    both = Lesson(Corpus([described, short], "en"), vocabulary, config)
    assert both.corpus.starts(config) == ["<long>"] * 6 + ["<short>"]
    decoders = {"en": build_decoder(config.decoders[0], len(vocabulary), {"pooled": (2,)})}
    loss = SelfCriticalLoss(
        replace(SCORED, batch_size=7), {"en": both}, 1, CaptioningModel(decoders)
    )
    sampled = next(loss.epoch(0))["sampled"]["en"]
    asked = [vocabulary.words[first] for first in sampled["inputs"][:: SCORED.samples, 0]]
    assert sorted(asked) == ["<long>"] * 6 + ["<short>"]
