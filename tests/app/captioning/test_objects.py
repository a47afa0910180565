from collections import Counter

import pytest
import rjieba

from app.captioning.objects import objects, words
from app.captioning.visual_words import FORMS

# Names that jieba knows only as two words.
COMPOUNDS = {
    "停止标志",
    "停车计时器",
    "滑雪单板",
    "棒球棍",
    "棒球手套",
    "甜甜圈",
    "玩具熊",
}


def test_they_are_coco_s_80_classes_in_the_order_of_its_ids():
    unused = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert [known.id for known in objects().values()] == sorted({*range(1, 91)} - unused)


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("person", 1),
        ("fire hydrant", 11),
        ("stop sign", 13),
        ("dog", 18),
        ("giraffe", 25),
        ("backpack", 27),
        ("bottle", 44),
        ("bed", 65),
        ("dining table", 67),
        ("toilet", 70),
        ("tv", 72),
        ("book", 84),
        ("toothbrush", 90),
    ],
)
def test_names_have_coco_s_ids(name, id):
    assert (objects()[name].name, objects()[name].id) == (name, id)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_word_names_two_classes_or_comes_twice(language):
    counts = Counter(word for forms in words(language).values() for word in forms)
    assert [word for word, count in counts.items() if count > 1] == []


def test_a_class_has_few_words():
    for known in objects().values():
        most = 40 if known.name == "person" else 12
        assert 1 <= len(known.en) <= most, known.name
        assert 1 <= len(known.zh_words) <= most, known.name


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_words_of_a_class_fit_into_the_table_of_a_decoder(language):
    assert max(map(len, words(language).values())) <= FORMS


def test_english_words_are_as_captions_have_them():
    """Lower-cased, one space between the words of a name."""
    for forms in words("en").values():
        for form in forms:
            assert all(word.isalpha() and word.islower() for word in form.split(" ")), form


def test_chinese_words_are_what_captions_are_cut_into():
    cut = {word: list(rjieba.cut(word)) for forms in words("zh").values() for word in forms}
    assert {word for word, pieces in cut.items() if pieces != [word]} == COMPOUNDS


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("person", ("child", "children")),
        ("dog", ("puppy", "puppies")),
        ("sheep", ("sheep", "sheep")),
        ("knife", ("knife", "knives")),
        ("bird", ("goose", "geese")),
        ("teddy bear", ("teddy bear", "teddy bears")),
        ("motorcycle", ("dirt bike", "dirt bikes")),
        ("bicycle", ("bike", "bikes")),
        ("sports ball", ("ball", "balls")),
    ],
)
def test_english_words_have_their_plural(name, pair):
    assert pair in objects()[name].en


@pytest.mark.parametrize("word", ["orange", "glass", "plant", "board", "computer", "bag", "手套"])
def test_words_that_mostly_mean_something_else_are_not_listed(word):
    assert not any(word in forms for language in ("en", "zh") for forms in words(language).values())


def test_the_chinese_name_of_a_class_is_one_of_its_words():
    for known in objects().values():
        assert known.zh in known.zh_words


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("person", "个人"),
        ("dog", "只狗"),
        ("horse", "匹马"),
        ("cow", "头牛"),
        ("car", "辆汽车"),
        ("train", "列火车"),
        ("airplane", "架飞机"),
        ("chair", "把椅子"),
        ("dining table", "张餐桌"),
        ("book", "本书"),
    ],
)
def test_chinese_counts_by_the_right_word(name, counted):
    assert objects()[name].measure + objects()[name].zh == counted


def test_visual_words_are_listed_by_class_each_once():
    listed = words("en")
    assert listed["bear"] == ["bear", "bears", "panda", "pandas"]
    assert listed["cat"][:3] == ["cat", "cats", "kitten"]
    assert listed["broccoli"] == ["broccoli"]
    assert words("zh")["bench"] == ["长椅", "长凳"]


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="'fr'"):
        words("fr")
