"""Which words of a vocabulary captions do not say where they are doubtful.

Without a colour a caption is better than with a wrong one. Looking at photos of dev, four or five
in ten of the colours that kantu-2 gave less than LEAST_PROBABILITY were right, and 34 of 40 of the
others. Sizes, ages and numbers were tried too: captions without the doubtful ones of these score
lower in Chinese and no better in English.

A person is better than a man who is a woman. Of what is said of 949 photos of dev, references
contradict 42 English captions in this and 37 Chinese ones; where each word for a man or a woman
needs LEAST_SHARE of what both have, 30 and 28, and CIDEr falls by 0.3.
"""

from __future__ import annotations

import re
from typing import Any

from app.captioning.vocabulary import Vocabulary

LEAST_PROBABILITY = 0.3
LEAST_SHARE = 0.75
NEUTRAL = {
    "en": (
        ("man", "woman", "person"),
        ("men", "women", "people"),
        ("boy", "girl", "child"),
        ("boys", "girls", "children"),
        ("his", "her", "their"),
    ),
    "zh": (
        ("男人", "女人", "人"),
        ("男士", "女士", "人"),
        ("男子", "女子", "人"),
        ("男孩", "女孩", "孩子"),
        ("小男孩", "小女孩", "小孩"),
    ),
}
"""Words for men and women or boys and girls, and those for both."""
_ENGLISH = re.compile(
    "beige|black|blue|brown|colorful|gold|golden|gray|green|grey|orange|pink|purple|red|silver|tan|"
    "white|yellow"
)
_CHINESE = re.compile("[深浅淡暗鲜米土金银墨]?[红橙橘黄绿青蓝紫粉黑白灰棕褐]+色?|[彩银金米]色")


def details(vocabulary: Vocabulary, language: str) -> dict[str, Any]:
    """Those of a vocabulary, as the manifest has them."""
    named = [word for word in vocabulary.words if is_colour(word, language)]
    return {"words": named, "least_probability": LEAST_PROBABILITY}


def neutral(vocabulary: Vocabulary, language: str) -> dict[str, Any]:
    """The words for people that a vocabulary has, as the manifest has them."""
    known = set(vocabulary.words)
    return {
        "words": [list(three) for three in NEUTRAL[language] if known.issuperset(three)],
        "least_share": LEAST_SHARE,
    }


def is_colour(word: str, language: str) -> bool:
    """Whether a word of a vocabulary names a colour and nothing else: 棕色, 白, not 白天."""
    named = _ENGLISH if language == "en" else _CHINESE
    return named.fullmatch(word) is not None
