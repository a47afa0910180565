"""Words and their ids, and how words become a sentence, per language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

START, END, UNKNOWN = "<start>", "<end>", "<unk>"
SPECIAL = (START, END, UNKNOWN)


class Vocabulary:
    """A fixed list of words; a word's id is its place in the list.

    The first three are `<start>`, `<end>` and `<unk>`, which stands for every word not listed.
    """

    start, end, unknown = range(3)

    def __init__(self, words: Sequence[str]):
        """Raises ValueError when the special words are not first, or a word comes twice."""
        if tuple(words[:3]) != SPECIAL:
            raise ValueError(f"a vocabulary begins with {', '.join(SPECIAL)}")
        self.words = tuple(words)
        self._ids = {word: index for index, word in enumerate(self.words)}
        if len(self._ids) != len(self.words):
            raise ValueError("a vocabulary lists each word once")

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def build(cls, sentences: Iterable[Sequence[str]], minimum_count: int) -> Vocabulary:
        """The words seen at least minimum_count times: most frequent first, ties by spelling."""
        counts = Counter(word for sentence in sentences for word in sentence)
        kept = [word for word, count in counts.items() if count >= minimum_count]
        return cls([*SPECIAL, *sorted(kept, key=lambda word: (-counts[word], word))])

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads a file of one word a line. Raises ValueError where it is no vocabulary."""
        return cls(path.read_text(encoding="utf-8").split("\n")[:-1])

    def save(self, path: Path) -> None:
        path.write_text("".join(f"{word}\n" for word in self.words), encoding="utf-8", newline="\n")

    @cached_property
    def unsayable(self) -> list[int]:
        """Ids that stand for no word: all in angle brackets but `<end>`. Besides `<start>` and
        `<unk>` these are the styles that captions of some decoders begin with."""
        return [
            index
            for index, word in enumerate(self.words)
            if word.startswith("<") and index != self.end
        ]

    def encode(self, words: Iterable[str]) -> list[int]:
        return [self._ids.get(word, self.unknown) for word in words]

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """The words, without `<start>` and `<end>`."""
        return tuple(self.words[index] for index in ids if index not in (self.start, self.end))


def sentence(words: Sequence[str], language: str) -> str:
    """Words as a person writes them: "A dog runs." or "一只狗在跑。".

    Imported vocabularies have punctuation among their words.
    """
    if language == "zh":
        return _join_chinese(words) + "。"
    text = " ".join(words).replace(" n't", "n't").replace(" '", "'").replace(" ,", ",")
    text = text.removesuffix(" .")
    return text[:1].upper() + text[1:] + "."


def _join_chinese(words: Sequence[str]) -> str:
    """Without spaces, but for one between two words in Latin letters or digits."""
    text = ""
    for word in words:
        if text and text[-1].isascii() and word[0].isascii():
            text += " "
        text += word
    return text
