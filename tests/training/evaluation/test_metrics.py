import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider as CocoCider
from pycocoevalcap.rouge.rouge import Rouge

from training.evaluation.metrics import METEOR_ABSENT, Cider, score

CANDIDATES = [
    "a brown dog runs through the grass",
    "a child on a swing",
    "two men play soccer in a field",
    "a a a a",
    "dog",
]
REFERENCES = [
    ["a brown dog is running through the tall grass", "a dog runs", "the dog runs in a field"],
    ["a little girl sits on a red swing", "a child swings in the park"],
    ["two men play soccer in a field"],
    ["a dog and a man", "a man walks a dog on a beach"],
    ["a black dog", "dog"],
]


def split(sentences):
    return [sentence.split() for sentence in sentences]


SAMPLE = split(CANDIDATES), [split(captions) for captions in REFERENCES]

# Few words and short captions, so that n-grams meet, repeat, and are missing altogether.
words = st.sampled_from("abcde")
candidates = st.lists(words, max_size=8)
references = st.lists(st.lists(words, min_size=1, max_size=8), min_size=1, max_size=4)
photos = st.tuples(candidates, references)
corpora = st.lists(photos, min_size=1, max_size=6)


def pycocoevalcap(candidates, references):
    results = {photo: [" ".join(words)] for photo, words in enumerate(candidates)}
    truth = {photo: [" ".join(w) for w in others] for photo, others in enumerate(references)}
    bleu, _ = Bleu(4).compute_score(truth, results, verbose=0)
    return {
        **{f"BLEU-{n}": 100 * value for n, value in enumerate(bleu, 1)},
        "ROUGE-L": 100 * Rouge().compute_score(truth, results)[0],
        "CIDEr": 100 * CocoCider().compute_score(truth, results)[0],
    }


def test_scores_are_those_of_pycocoevalcap():
    scores = score(*SAMPLE)
    assert scores == pytest.approx(pycocoevalcap(*SAMPLE), abs=1e-6)
    assert all(value > 1 for value in scores.values())


@settings(deadline=None)
@given(corpora)
def test_scores_of_any_captions_are_those_of_pycocoevalcap(corpus):
    candidates, references = zip(*corpus, strict=True)
    expected = pycocoevalcap(candidates, references)
    assert score(candidates, references) == pytest.approx(expected, abs=1e-6)


def test_bleu_by_hand():
    # 3 of 4 words, 1 of 3 pairs; as long as the closest reference.
    scores = score([["a", "b", "x", "c"]], [[["a", "b", "c", "d"], ["c"]]])
    assert scores["BLEU-1"] == pytest.approx(75)
    assert scores["BLEU-2"] == pytest.approx(100 * math.sqrt(3 / 4 * 1 / 3))
    assert scores["BLEU-4"] < 0.1


def test_bleu_counts_a_repeated_word_as_often_as_one_reference_has_it():
    scores = score([["the"] * 7], [[["the", "cat", "the", "mat"], ["the", "cat"]]])
    assert scores["BLEU-1"] == pytest.approx(100 * 2 / 7)


def test_bleu_punishes_captions_shorter_than_the_closest_reference():
    scores = score([["a", "b"]], [[["a", "b", "c"], ["a", "b", "c", "d", "e", "f"]]])
    assert scores["BLEU-1"] == pytest.approx(100 * math.exp(1 - 3 / 2))


def test_rouge_l_by_hand():
    # Longest common subsequence "a c": precision 2/3 and recall 2/4.
    scores = score([["a", "c", "x"]], [[["a", "b", "c", "d"]]])
    precision, recall, beta = 2 / 3, 2 / 4, 1.2
    expected = (1 + beta**2) * precision * recall / (recall + beta**2 * precision)
    assert scores["ROUGE-L"] == pytest.approx(100 * expected)


def test_cider_of_the_only_possible_answers_is_1000_percent():
    truth = [["a", "dog", "runs", "fast"], ["two", "men", "play", "chess"]]
    assert score(truth, [[words] for words in truth])["CIDEr"] == pytest.approx(1000)


def test_cider_scores_are_per_photo():
    candidates, references = SAMPLE
    expected = CocoCider().compute_score(
        dict(enumerate(REFERENCES)), {photo: [text] for photo, text in enumerate(CANDIDATES)}
    )[1]
    cider = Cider(references)
    scores = cider.scores(candidates)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected, atol=1e-8)
    assert cider.score(candidates[2], 2) == scores[2]


@pytest.mark.parametrize(
    ("candidates", "references", "sentence"),
    [
        ([], [], "no captions to score"),
        ([["a"]], [], "1 captions to score, but references for 0 photos"),
        ([["a"], ["b"]], [[["a"]]], "2 captions to score, but references for 1 photos"),
        ([["a"], ["b"]], [[["a"]], []], "Photo 1 has no reference captions"),
    ],
)
def test_it_refuses_what_cannot_be_scored(candidates, references, sentence):
    with pytest.raises(ValueError, match=sentence):
        score(candidates, references)


def test_cider_refuses_what_cannot_be_scored():
    with pytest.raises(ValueError, match="no reference captions"):
        Cider([])
    with pytest.raises(ValueError, match="2 captions to score, but references for 1 photos"):
        Cider([[["a"]]]).scores([["a"], ["b"]])


def test_the_absence_of_meteor_is_stated():
    assert METEOR_ABSENT.startswith("METEOR is not computed")
