import pytest

from training.evaluation.support import Support, agreement


def test_people_agree_on_a_word_as_often_as_another_caption_of_the_photo_has_it_too():
    shares = agreement([[["a", "dog", "dog"], ["a", "cat"]], [["a", "dog"], ["dog"], ["runs"]]])
    assert shares == {"a": 2 / 5, "dog": 2 / 5, "cat": 0, "runs": 0}


def test_words_that_no_reference_of_the_photo_has_are_unsupported():
    dogs = [["a", "small", "dog"], ["a", "dog"]]
    giraffes = [["a", "giraffe"], ["a", "giraffe", "runs"]]
    support = Support([dogs, *[giraffes] * 9])
    assert support.unsupported(["a", "dog"], 0) == 0
    assert support.unsupported(["a", "giraffe", "giraffe", "runs"], 0) == pytest.approx(18 / 20)
    assert support.unsupported(["a", "dog"], 1) == pytest.approx(2 / 4)
    assert support.unsupported(["a", "unicorn"], 1) == 0  # nobody ever says it
    captions = [["a", "giraffe"], *[["a", "giraffe"]] * 9]
    assert support.mean(captions) == pytest.approx(18 / 20 / 10)
