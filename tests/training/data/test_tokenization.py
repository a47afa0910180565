import json
from pathlib import Path

import pytest

from training.data.tokenization import tokens, without_pauses, words

CASES = json.loads((Path(__file__).parents[1] / "fixtures" / "ptb_tokens.json").read_text("utf-8"))
BRACKETS = {"-lrb-", "-rrb-"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["sentence"])
def test_english_words_are_those_of_the_java_ptb_tokenizer(case):
    """The tokens are pycocoevalcap's, from Java.

    It means to drop brackets as all punctuation, but looks for -LRB- after lower-casing; we drop
    them, so that no caption reads "-lrb-".
    """
    expected = [token for token in case["tokens"] if token not in BRACKETS]
    assert words(case["sentence"], "en") == expected


def test_english_drops_brackets():
    assert words("A man (in red) [left] {jumps}.", "en") == [
        "a",
        "man",
        "in",
        "red",
        "left",
        "jumps",
    ]


@pytest.mark.parametrize("caption", ["", "   ", " . ", "\" ' ... -- ( ) , ! ? ; : “ ” ‘ ’ … – —"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_punctuation_alone_has_no_words(caption, language):
    assert words(caption, language) == []


def test_chinese_is_cut_into_words_without_punctuation():
    assert words("一只黑狗，在草地上奔跑。", "zh") == ["一只", "黑狗", "在", "草地", "上", "奔跑"]


def test_chinese_lower_cases_latin_letters_and_drops_spaces_and_symbols():
    assert words("　男孩 穿着T恤！看 iPhone + ★", "zh") == ["男孩", "穿着", "t恤", "看", "iphone"]


def test_machine_translated_chinese_is_cut_as_chinese():
    caption = "两个孩子在海边玩耍。"
    assert words(caption, "zh_translated") == words(caption, "zh")


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="'fr'"):
        words("Un chien court.", "fr")


@pytest.mark.parametrize(
    "caption, expected",
    [
        (
            "草地上站着长颈鹿，旁边是花。",
            ["草地", "上", "站", "着", "长颈鹿", "，", "旁边", "是", "花"],
        ),
        ("桌上有杯子、盘子,还有花", ["桌上", "有", "杯子", "、", "盘子", "，", "还有", "花"]),
        ("一只狗;一只猫", ["一只", "狗", "，", "一只", "猫"]),
        ("，一只狗，、跑，。", ["一只", "狗", "，", "跑"]),
    ],
)
def test_a_chinese_decoder_says_the_pauses_inside_a_sentence(caption, expected):
    said = tokens(caption, "zh")
    assert said == expected
    assert without_pauses(said) == words(caption, "zh")


def test_an_english_decoder_says_words_alone():
    assert tokens("A dog, a cat.", "en") == words("A dog, a cat.", "en")
