"""How good the captions are that a decoder said at random, and which it should say more often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.captioning.vocabulary import END, Vocabulary
from training.data.tokenization import without_pauses
from training.evaluation.metrics import Cider
from training.evaluation.support import Support


class Rewards:
    """CIDEr-D against the training captions of the same photo, less a charge for words that none
    of these has.

    The end counts as a word, in captions as in references: without it a decoder learns to stop in
    the middle of a sentence. CIDEr-D alone pays for a word that a caption has and takes little for
    one that none has, so that decoders learn to add what is often seen.
    """

    def __init__(
        self,
        captions: Sequence[Sequence[Sequence[str]]],
        vocabulary: Vocabulary,
        charge: float = 0.0,
    ):
        """
        Args:
            captions: the words of each caption of each photo.
            charge: what CIDEr-D is lowered by for each unsupported word, as Support counts them.
        """
        self.vocabulary = vocabulary
        self.cider = Cider([[[*words, END] for words in five] for five in captions])
        # Pauses are left to CIDEr-D: the scores of an epoch do not know them.
        self.support = Support([[without_pauses(words) for words in five] for five in captions])
        self.charge = charge

    def of(self, photos: np.ndarray, words: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """In percent, float64 (photos, samples).

        Args:
            photos: int (photos,), their places among the captions; -1 for one that has none, which
                is rewarded with 0.
            words: int (photos × samples, time), their ids.
            mask: like words, from until_end().
        """
        of_each = np.repeat(photos, len(words) // len(photos))
        rewards = [
            self._reward(self._split(ids[: int(length)]), photo) if photo >= 0 else 0.0
            for photo, ids, length in zip(of_each, words, mask.sum(axis=1), strict=True)
        ]
        return 100 * np.array(rewards).reshape(len(photos), -1)

    def _reward(self, words: Sequence[str], photo: int) -> float:
        charged = self.charge * self.support.unsupported(words, photo)
        return self.cider.score(words, photo) - charged

    def _split(self, ids: np.ndarray) -> list[str]:
        """Names of several words are one to a decoder whose words point, and several to CIDEr."""
        return " ".join(self.vocabulary.words[index] for index in ids).split()


def advantages(rewards: np.ndarray) -> np.ndarray:
    """How much better each caption is than the others of its photo are on average (Luo 2020), as
    CIDEr-D, float32 (photos × samples, 1), for rewards (photos, samples) in percent."""
    others = (rewards.sum(axis=1, keepdims=True) - rewards) / (rewards.shape[1] - 1)
    return (rewards - others).reshape(-1, 1).astype(np.float32) / 100


def until_end(tokens: np.ndarray, end: int) -> np.ndarray:
    """1 up to and including the first end of each row, 0 after it; float32 like tokens."""
    ended_before = np.cumsum(tokens == end, axis=1) - (tokens == end)
    return (ended_before == 0).astype(np.float32)
