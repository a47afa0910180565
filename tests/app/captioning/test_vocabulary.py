import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.captioning.vocabulary import SPECIAL, Vocabulary, sentence

SENTENCES = [["a", "dog", "runs"], ["a", "dog", "sits"], ["a", "cat"]]


def test_it_keeps_words_seen_often_enough_most_frequent_first():
    assert Vocabulary.build(SENTENCES, minimum_count=2).words == (*SPECIAL, "a", "dog")


def test_words_seen_equally_often_are_in_order_of_spelling():
    assert Vocabulary.build([["b", "c", "a"]], minimum_count=1).words == (*SPECIAL, "a", "b", "c")


def test_a_word_outside_it_becomes_unknown():
    vocabulary = Vocabulary.build(SENTENCES, minimum_count=2)
    assert vocabulary.encode(["a", "zebra"]) == [3, Vocabulary.unknown]


def test_decoding_leaves_out_start_and_end():
    vocabulary = Vocabulary.build(SENTENCES, minimum_count=2)
    assert vocabulary.decode([Vocabulary.start, 3, 4, Vocabulary.end]) == ("a", "dog")


@given(st.sets(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1)))
def test_it_is_the_same_after_being_saved(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("vocabulary") / "words.txt"
    vocabulary = Vocabulary.build([[word for word in words if word not in SPECIAL]], 1)
    vocabulary.save(path)
    assert Vocabulary.load(path).words == vocabulary.words


@pytest.mark.parametrize("words", [["a", "dog"], [*SPECIAL, "a", "a"], []])
def test_it_refuses_a_list_that_is_no_vocabulary(words):
    with pytest.raises(ValueError, match="a vocabulary"):
        Vocabulary(words)


@pytest.mark.parametrize(
    ("words", "language", "text"),
    [
        (["a", "dog", "runs"], "en", "A dog runs."),
        (["the", "man", "'s", "t-shirt"], "en", "The man's t-shirt."),
        (["it", "is", "n't", "red"], "en", "It isn't red."),
        (["a", "man", ",", "a", "dog", "."], "en", "A man, a dog."),
        (["一只", "狗", "在", "跑"], "zh", "一只狗在跑。"),
        (["穿", "t", "恤", "的", "3", "人"], "zh", "穿t恤的3人。"),
        (["iphone", "7", "手机"], "zh", "iphone 7手机。"),
    ],
)
def test_words_become_a_sentence_as_a_person_writes_it(words, language, text):
    assert sentence(words, language) == text


def test_names_of_styles_are_never_said():
    vocabulary = Vocabulary([*SPECIAL, "a", "<long>"])
    assert vocabulary.unsayable == [Vocabulary.start, Vocabulary.unknown, 4]
