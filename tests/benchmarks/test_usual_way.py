"""The beam of the comparison must be a true one: it finds what im2txt's would."""

import numpy as np

from benchmarks.usual_way import beam

START, END, A, B = range(4)
CHANCES = {
    START: [0, 0, 0.6, 0.4],
    A: [0, 0.5, 0.25, 0.25],
    B: [0, 0.9, 0.05, 0.05],
}


def step(words, states):
    return np.array([CHANCES[word] for word in words.tolist()]), states + 1


def test_it_finds_the_likeliest_sentence_though_its_first_word_is_not():
    best, second, *_ = beam.search(np.zeros(1), step, START, END)
    assert best.sentence == [START, B, END]
    assert np.isclose(np.exp(best.score), 0.4 * 0.9)
    assert second.sentence == [START, A, END]


def test_a_sentence_without_an_end_is_cut():
    def endless(words, states):
        return np.tile([0.1, 0.0, 0.8, 0.1], (len(words), 1)), states

    best, *_ = beam.search(np.zeros(1), endless, START, END)
    assert best.sentence == [START] + [A] * beam.LONGEST
