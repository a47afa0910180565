"""Which words of a vocabulary are details: a caption is better without them than with wrong ones.

They are colours. Looking at photos of dev, four or five in ten of those that kantu-2 gave less than
LEAST_PROBABILITY were right, and 34 of 40 of the others. Sizes, ages and numbers were tried too:
captions without the doubtful ones of these score lower in Chinese and no better in English.
"""

from __future__ import annotations

import re
from typing import Any

from app.captioning.vocabulary import Vocabulary

LEAST_PROBABILITY = 0.3
_ENGLISH = re.compile(
    "beige|black|blue|brown|colorful|gold|golden|gray|green|grey|orange|pink|purple|red|silver|tan|"
    "white|yellow"
)
_CHINESE = re.compile("[深浅淡暗鲜米土金银墨]?[红橙橘黄绿青蓝紫粉黑白灰棕褐]+色?|[彩银金米]色")


def details(vocabulary: Vocabulary, language: str) -> dict[str, Any]:
    """Those of a vocabulary, as the manifest has them."""
    named = [word for word in vocabulary.words if is_colour(word, language)]
    return {"words": named, "least_probability": LEAST_PROBABILITY}


def is_colour(word: str, language: str) -> bool:
    """Whether a word of a vocabulary names a colour and nothing else: 棕色, 白, not 白天."""
    named = _ENGLISH if language == "en" else _CHINESE
    return named.fullmatch(word) is not None
