import pytest

from app.captioning.vocabulary import Vocabulary
from training.evaluation.doubt import is_colour, neutral

COLOURS = {"en": "red colorful grey", "zh": "红色 白 深蓝色 彩色 黄白色"}
OTHERS = {"en": "reddish oranges 红", "zh": "白天 蓝天 红绿灯 景色 颜色 土 米 黑白画面"}


def cases(words: dict[str, str]) -> list[tuple[str, str]]:
    return [(word, language) for language, some in words.items() for word in some.split()]


@pytest.mark.parametrize(("word", "language"), cases(COLOURS))
def test_a_word_that_names_a_colour_is_a_detail(word: str, language: str):
    assert is_colour(word, language)


@pytest.mark.parametrize(("word", "language"), [*cases(OTHERS), ("", "en"), ("", "zh")])
def test_a_word_that_names_something_else_is_none(word: str, language: str):
    assert not is_colour(word, language)


def test_people_have_neutral_words_where_the_vocabulary_has_all_three():
    vocabulary = Vocabulary.build([["man", "woman", "person", "boy", "girl", "their"]], 1)
    assert neutral(vocabulary, "en")["words"] == [["man", "woman", "person"]]
