"""Caption text → words: one tokenisation for vocabularies, training and scoring.

Scores of captions are comparable only where the words are. English follows the Penn Treebank
tokenisation that the COCO caption evaluation uses (Stanford's PTBTokenizer 3.4.1, lower-cased,
punctuation removed), written anew from its output so that nobody needs Java. Chinese is cut into
words by jieba.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import rjieba

from app.captioning.objects import words as words_of_classes

PAUSES = frozenset("，、")
"""Chinese punctuation inside a sentence that decoders say."""

TOKENS_VERSION = 2
"""Of what tokens() gives: features whose captions were cut otherwise are computed anew."""

_FULL_WIDTH = str.maketrans(",;；：", "，，，，")
_STRAIGHT_QUOTES = str.maketrans("‘’", "''")

# The alternatives are tried in order. What none of them matches (spaces, quotes, brackets, commas,
# full stops, dashes) separates words and is dropped.
_ENGLISH_WORD = re.compile(
    r"""
      (?:[a-z]\.){2,}(?!\w)                             # U.S., p.m.
    | (?:mr|mrs|ms|dr|jr|sr|st|mt|ft|ave|blvd|rd|vs|etc|inc|co|corp|ltd)\.(?!\w)
    | (?-i:[A-Z]+(?:&[A-Z]+)+)                          # R&B, unlike black&white
    | can(?=not\b) | gon(?=na\b) | wan(?=na\b) | got(?=ta\b) | gim(?=me\b) | lem(?=me\b)
    | '?t(?=is\b|was\b) | y'(?=all\b)                   # 'tis, y'all
    | '(?:s|m|d|re|ve|ll)\b | n't\b                     # ends of it's, don't …
    | \w+?(?=n't\b)                                     # … and the beginning of don't
    | 'n\b'? | (?<!\w)'(?:em|til|cause|\d\ds?)\b       # rock 'n' roll, the '60s
    | [dlo]'[a-z]+                                      # o'clock
    | [#@][a-z]\w*                                      # hashtags
    | (?:(?<!\w)[-+]?\.?(?=\d))?                        # -5, .5
      \w+(?:(?:[-./]|(?<=\d)[,:](?=\d))\w+)*            # t-shirt, and/or, 3.5, 1,000, 5:30
    | [?!]{2,}
    | [^\w\s'"`“”.…?!,:;()\[\]{}–—-]                    # & # % $ +
    """,
    re.IGNORECASE | re.VERBOSE,
)


def words(caption: str, language: str) -> list[str]:
    """The words of a caption: lower-cased, without punctuation.

    Args:
        caption: a sentence as a person wrote it.
        language: "en", or "zh" or "zh_translated", which are cut alike.

    Raises:
        ValueError: for any other language.
    """
    if language == "en":
        return _english(caption)
    if language in ("zh", "zh_translated"):
        return _chinese(caption)
    raise ValueError(f"no tokenisation for the language {language!r}: use en, zh or zh_translated")


def tokens(caption: str, language: str) -> list[str]:
    """What a decoder learns to say of a caption: its words and, in Chinese, the pauses between
    them, for a sentence of two clauses is hard to read without its comma.

    Raises as words() does.
    """
    if language == "en":
        return words(caption, language)
    cut = (token.lower().translate(_FULL_WIDTH) for token in rjieba.cut(caption))
    said = [token for token in cut if token in PAUSES or any(map(_is_text, token))]
    while said and said[-1] in PAUSES:
        said.pop()
    return [
        token
        for before, token in pairwise(["，", *said])
        if not (token in PAUSES and before in PAUSES)
    ]


def without_pauses(tokens: Sequence[str]) -> list[str]:
    """The words among tokens, which are what is scored."""
    return [token for token in tokens if token not in PAUSES]


def _english(caption: str) -> list[str]:
    # Lower-cased last: capitals tell R&B from black&white.
    return [word.lower() for word in _ENGLISH_WORD.findall(caption.translate(_STRAIGHT_QUOTES))]


def _chinese(caption: str) -> list[str]:
    return [word.lower() for word in rjieba.cut(caption) if any(map(_is_text, word))]


def _is_text(character: str) -> bool:
    """Neither punctuation, symbol, separator nor control character, by its Unicode category."""
    return unicodedata.category(character)[0] not in "PSZC"


def merge_names(words: Sequence[str]) -> list[str]:
    """Words of a caption, those of a name such as "teddy bear" as one."""
    text = " ".join(words)
    for name in names_of_several_words():
        if name not in text:
            continue
        text = re.sub(rf"(?<!\S){name}(?!\S)", name.replace(" ", "_"), text)
    return [word.replace("_", " ") for word in text.split()]


@cache
def names_of_several_words() -> list[str]:
    """The longest first."""
    names = [name for forms in words_of_classes("en").values() for name in forms if " " in name]
    return sorted(names, key=len, reverse=True)
