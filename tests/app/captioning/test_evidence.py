"""What a photo says for and against words, beside the decoder."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.captioning.evidence import Evidence, Layer, informed, unsaid
from tests.app.captioning.languages import START, RandomLanguage
from training.saving import save_arrays


def layer(weights: list[list[int]], scales: list[float], biases: list[float]) -> Layer:
    return Layer(
        np.array(weights, np.int8), np.array(scales, np.float32), np.array(biases, np.float32)
    )


def some(most: float = 1.0) -> Evidence:
    """Of two words: a feature, where it is more than 0.5, speaks for the one, and against the
    other. A second feature says nothing."""
    return Evidence(
        words=np.array([3, 5], np.int32),
        hidden=layer([[100], [0]], [0.01], [-0.5]),
        output=layer([[100, -50]], [0.02, 0.02], [-0.5, -1.0]),
        usual=np.array([-1.0, -1.0], np.float32),
        named=np.array([True, True]),
        trust=0.5,
        most=most,
    )


def test_a_feature_moves_words_by_their_weights():
    bias = some().bias(np.array([1.0, 7.0], np.float32))
    np.testing.assert_allclose(bias, [0.75, -0.25], rtol=1e-5)


def test_a_feature_that_is_too_weak_moves_nothing():
    bias = some().bias(np.array([0.2, 7.0], np.float32))
    np.testing.assert_allclose(bias, [0.25, 0.0], atol=1e-7)


def test_no_word_is_moved_further_than_the_most():
    found = replace(some(most=0.9), named=np.array([True, False]))
    bias = found.bias(np.array([100.0, 0.0], np.float32))
    np.testing.assert_allclose(bias, [0.9, -0.9], rtol=1e-5)


def test_a_word_that_says_something_alone_is_out_of_the_question_where_it_is_unlikely():
    empty = np.zeros(2, np.float32)
    there = replace(some(), output=layer([[100, -50]], [0.02, 0.02], [-0.5, -3.0]))
    absent = replace(some(), output=layer([[100, -50]], [0.02, 0.02], [-0.5, -3.5]))
    assert there.bias(empty)[1] == -1  # 0.047 of captions
    assert absent.bias(empty)[1] < -20  # 0.029
    assert replace(absent, named=np.array([True, False])).bias(empty)[1] == -1


def test_the_likeliest_words_that_say_something_alone_are_worth_naming():
    both = replace(some(), output=layer([[100, 50]], [0.02, 0.02], [-0.5, 0.0]))
    there = replace(some(), output=layer([[100, -50]], [0.02, 0.02], [-0.5, -1.5]))
    shown, empty = np.array([2.5, 0.0], np.float32), np.array([0.0, 0.0], np.float32)
    assert [*both.likely(shown).items()] == [  # log-odds 3.5 and 2
        (3, pytest.approx(0.971, abs=1e-3)),
        (5, pytest.approx(0.881, abs=1e-3)),
    ]
    assert [*both.likely(empty)] == [5, 3]  # 0 and -0.5: 0.5 and 0.38 of captions
    assert [*there.likely(empty)] == [3]  # -0.5 and -1.5, which is 0.18
    assert [*replace(both, named=np.array([False, True])).likely(shown)] == [5]


def test_no_word_is_named_twice_nor_what_the_caption_says():
    likely = ["dogs", "beach", "dog", "sand", "sandy", "wave", "boat"]
    assert unsaid(likely, ("a", "puppy")) == ["dogs", "beach", "sand", "sandy", "wave", "boat"]
    assert unsaid(likely, ("two", "dogs", "beach")) == ["sand", "sandy", "wave", "boat"]
    assert unsaid(["puppies", "car", "buses"], ("puppy", "carrot", "bus")) == ["car"]
    assert unsaid(["小孩子", "孩子", "海"], ("一个", "人")) == ["小孩子", "海"]


def test_an_informed_decoder_has_the_probabilities_of_one_that_was_told():
    language = RandomLanguage(1)
    words, bias = np.array([3, 4]), np.array([1.5, -0.5], np.float32)
    states, last = np.repeat(language.state(0), 2, axis=0), np.array([START, START])
    plain, following = language.step(states, last)
    told, after = informed(language.step, words, bias)(states, last)
    np.testing.assert_array_equal(after, following)
    expected = np.exp(plain)
    expected[:, words] *= np.exp(bias)
    np.testing.assert_allclose(
        np.exp(told), expected / expected.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_what_is_saved_is_loaded(tmp_path: Path):
    save_arrays(tmp_path / "evidence_en.npz", some().arrays())
    loaded = Evidence.load(tmp_path / "evidence_en.npz", 6)
    pooled = np.array([0.8, 1.0], np.float32)
    np.testing.assert_array_equal(loaded.bias(pooled), some().bias(pooled))
    np.testing.assert_array_equal(loaded.words, some().words)


def test_evidence_of_another_vocabulary_is_refused(tmp_path: Path):
    save_arrays(tmp_path / "evidence_en.npz", some().arrays())
    with pytest.raises(ValueError, match="not for a vocabulary of 5 words"):
        Evidence.load(tmp_path / "evidence_en.npz", 5)


@pytest.mark.parametrize(
    "change",
    [
        {"words": np.array([-1, 5], np.int32)},
        {"words": np.array([3, 5], np.float32)},
        {"words": np.array([3], np.int32)},
        {"output": layer([[100, -50]], [np.nan, 1], [0, 0])},
        {"output": layer([[100, -50]], [0.01, 0.01], [0])},
        {"output": layer([[100, -50], [1, 1]], [0.01, 0.01], [0, 0])},
        {"hidden": layer([[100, 1], [0, 1]], [0.01], [0])},
        {"most": np.inf},
        {"usual": np.array([0.0], np.float32)},
        {"named": np.array([1, 1])},
        {"trust": np.nan},
    ],
)
def test_arrays_that_cannot_be_evidence_are_refused(tmp_path: Path, change: dict):
    save_arrays(tmp_path / "evidence_en.npz", replace(some(), **change).arrays())
    with pytest.raises(ValueError, match=r"evidence_en\.npz is"):
        Evidence.load(tmp_path / "evidence_en.npz", 6)


def test_features_of_another_encoder_are_refused():
    with pytest.raises(ValueError, match="evidence of 2 features, not of 3"):
        some().bias(np.zeros(3, np.float32))


def test_evidence_of_before_it_named_words_is_refused(tmp_path: Path):
    arrays = some().arrays()
    del arrays["usual"], arrays["named"], arrays["trust"]
    save_arrays(tmp_path / "evidence_en.npz", arrays)
    with pytest.raises(ValueError, match="of another version of Kantu"):
        Evidence.load(tmp_path / "evidence_en.npz", 6)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut short", b"no arrays at all"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, data: bytes):
    (tmp_path / "evidence_en.npz").write_bytes(data)
    with pytest.raises(ValueError, match=r"evidence_en\.npz is damaged, or of another version"):
        Evidence.load(tmp_path / "evidence_en.npz", 5)
