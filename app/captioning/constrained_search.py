"""Constrained beam search: captions that mention what they must (Anderson et al. 2017)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain

import numpy as np

from app.captioning.beam_search import Hypothesis, Rules, Search, Step, side_by_side, top

MAX_CONSTRAINTS = 4
"""The beams, and with them the time, double with each."""


def constrained_beam_search(
    state: np.ndarray,
    step: Step,
    width: int,
    rules: Rules,
    constraints: Sequence[Collection[int]],
) -> list[Hypothesis]:
    """Finds likely captions of one photo that satisfy every constraint.

    Sections 3.1 and 3.2 of "Guided open vocabulary image captioning with constrained beam search":
    a finite-state machine has a state for each set of constraints that a caption can have
    satisfied so far, and each of its states has a beam of its own, so that captions compete only
    with those that got as far. Captions keep the rules that beam_search() describes; without
    constraints it finds what beam_search() finds.

    Args:
        state: the decoder's state after the photo, float32 (1, s).
        step: one step of the decoder for any number of hypotheses at once, at most
            width * 2 ** len(constraints).
        width: hypotheses kept in each state of the machine at each step, at least 1.
        rules: which captions are allowed, and how they are ranked.
        constraints: at most 4, each the ids of which a caption must hold at least one.

    Returns:
        1 to width hypotheses, ranked by length-normalised log-probability, that satisfy all
        constraints. Where none is found within max_words, those that satisfy the most.

    Raises:
        ValueError: the beam has no width, or there are too many constraints.
    """
    if len(constraints) > MAX_CONSTRAINTS:
        raise ValueError(f"{len(constraints)} constraints, at most {MAX_CONSTRAINTS} are searched")
    search = _ConstrainedSearch(width, rules, constraints)
    (found,) = side_by_side(state, step, [search.steps()])
    return found


class _ConstrainedSearch(Search):
    """States of the machine are bit sets: bit i is set once constraint i is satisfied."""

    def __init__(self, width: int, rules: Rules, constraints: Sequence[Collection[int]]):
        super().__init__(width, rules)
        self._accepting = (1 << len(constraints)) - 1
        self._satisfies: dict[int, int] = {}
        for bit, words in enumerate(constraints):
            for word in words:
                self._satisfies[word] = self._satisfies.get(word, 0) | 1 << bit
        self._words = np.array(list(self._satisfies), int)
        self._bits = np.array(list(self._satisfies.values()), int)

    def choose(
        self, totals: np.ndarray, partial: Sequence[tuple[int, ...]]
    ) -> tuple[list[int], list[int], np.ndarray]:
        """The best of each state of the machine: those that were in it and stay, those that come.

        Words of constraints are few, and all others stay: so only few words need to be asked
        where they lead.
        """
        origins = np.array([self._state(words) for words in partial])
        targets = origins[:, None] | self._bits
        leading = totals[:, self._words]
        totals[:, self._words] = -np.inf
        chosen = [
            self._choose_into(target, totals, origins, leading, targets)
            for target in np.union1d(origins, targets)
        ]
        rows, columns, scores = zip(*chosen, strict=True)
        return list(chain(*rows)), list(chain(*columns)), np.concatenate(scores)

    def best(self, finished: list[Hypothesis]) -> list[Hypothesis]:
        most = max((self._count(one) for one in finished), default=0)
        return super().best([one for one in finished if self._count(one) == most])

    def settled(self, finished: list[Hypothesis], scores: np.ndarray) -> bool:
        return super().settled(finished, scores) and all(
            self._state(one.words) == self._accepting for one in finished
        )

    def _choose_into(
        self,
        target: int,
        totals: np.ndarray,
        origins: np.ndarray,
        leading: np.ndarray,
        targets: np.ndarray,
    ) -> tuple[list[int], list[int], np.ndarray]:
        """The best that are in one state of the machine after this word."""
        staying = np.flatnonzero(origins == target)
        rows, columns, scores = top(totals[staying], self.width)
        arrivals = top(np.where(targets == target, leading, -np.inf), self.width)
        rows = [*staying[rows].tolist(), *arrivals[0]]
        columns = [*columns, *self._words[arrivals[1]].tolist()]
        scores = np.concatenate([scores, arrivals[2]])
        order = np.argsort(-scores, kind="stable")[: self.width].tolist()
        return [rows[at] for at in order], [columns[at] for at in order], scores[order]

    def _state(self, words: tuple[int, ...]) -> int:
        state = 0
        for word in words:
            state |= self._satisfies.get(word, 0)
        return state

    def _count(self, one: Hypothesis) -> int:
        return self._state(one.words).bit_count()
