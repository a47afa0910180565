"""Beam search over any step function (im2txt's and Vinyals et al. 2015, section 3.1.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(state float32 (n, s), last words int32 (n,)) -> (log-probabilities float32 (n, vocabulary),
next state (n, s))."""

Steps = Generator[tuple[list[int], list[int]], np.ndarray, "list[Hypothesis]"]
"""Yields which hypotheses of the last step go on, and the word that each goes on with; is sent
their log-probabilities, float32 (hypotheses, vocabulary); returns what it found."""


@dataclass(frozen=True)
class Hypothesis:
    words: tuple[int, ...]
    """Word ids, without start and end."""
    log_probability: float
    """Of these words followed by the end, natural logarithm."""


@dataclass(frozen=True)
class Rules:
    """What a caption may be, whatever the model would like to say."""

    start: int
    end: int
    banned: tuple[int, ...]
    """Ids never said, such as start and `<unk>`."""
    max_words: int = 20
    length_penalty: float = 1.0
    """Finished captions are ranked by log-probability / (words + 1) ** length_penalty."""
    repeatable: frozenset[int] | None = None
    """Ids of the words that a caption may say twice; None where it may say any."""
    details: tuple[int, ...] = ()
    """Ids of words that a caption is better without than wrong, such as colours."""
    least_probability: float = 0.0
    """A detail is not said where it is less likely to come next."""
    neutral: tuple[tuple[int, ...], ...] = ()
    """Of three ids each, the third is said in place of the first two where these are doubtful."""
    least_share: float = 0.5
    """Of the probability of both, what the likelier has at least where they are not."""
    # Arrays have neither a hash nor one answer to whether they are equal.
    surface_forms: np.ndarray | None = field(default=None, compare=False)
    """The id of the word that an id is written as, int (vocabulary,), where several are written
    alike, such as the visual words of two dogs (Lu et al. 2018); None where each id is a word of
    its own."""

    once: np.ndarray | None = field(default=None, compare=False)
    """Numbers of groups, int (vocabulary,), of each of which a caption holds one id at most, such
    as all that name one dog; -1 for ids of no group. None where there are no groups."""

    logit_bias: np.ndarray | None = field(default=None, compare=False)
    """What is added to the log-probability of each id, float (vocabulary,), at least 0: what the
    search prefers, beyond what the model would say. Only ids of a group may have one. It does not
    count in the log-probabilities of hypotheses."""

    def bias(self, words: tuple[int, ...]) -> float:
        """What is added to the log-probability of these ids."""
        return 0.0 if self.logit_bias is None else float(self.logit_bias[list(words)].sum())

    def surface(self, words: tuple[int, ...]) -> tuple[int, ...]:
        """What these ids are written as."""
        forms = self.surface_forms
        return words if forms is None else tuple(forms[list(words)].tolist())


def beam_search(
    states: np.ndarray, step: Step, width: int, rules: Rules | Sequence[Rules]
) -> list[list[Hypothesis]]:
    """Finds likely captions of each photo; photos are searched side by side, each on its own.

    No caption is empty, holds a banned id, says the same n words twice on end (a loop), says the
    same three words in a row twice, or has a detail or one of two words that is less likely than
    the rules ask. A caption that reaches max_words ends there. Of captions that are written as the
    same sentence only the likeliest is found.

    Args:
        states: the decoder's state after each photo, float32 (photos, s).
        step: one step of the decoder for any number of hypotheses at once.
        width: hypotheses kept at each step, at least 1.
        rules: which captions are allowed, and how they are ranked; one for all photos, or one for
            each.

    Returns:
        For each photo 1 to width hypotheses, ranked by length-normalised log-probability, with the
        bias of the rules.

    Raises:
        ValueError: the beam has no width, or there are not as many rules as photos.
    """
    each = [rules] * len(states) if isinstance(rules, Rules) else rules
    if len(each) != len(states):
        raise ValueError(f"rules for {len(each)} photos, but {len(states)} photos")
    return side_by_side(states, step, [Search(width, ours).steps() for ours in each])


def side_by_side(
    states: np.ndarray, step: Step, searches: Sequence[Steps]
) -> list[list[Hypothesis]]:
    """What each search finds, from its row of states; all share one call of step per word."""
    results: list[list[Hypothesis]] = [[] for _ in searches]
    pending = [(index, *next(search)) for index, search in enumerate(searches)]
    state_rows = list(range(len(states)))
    while pending:
        rows = [
            start + row
            for start, (_, kept, _) in zip(state_rows, pending, strict=True)
            for row in kept
        ]
        words = [word for _, _, last in pending for word in last]
        log_probabilities, states = step(states[rows], np.asarray(words, np.int32))
        alive, state_rows, offset = [], [], 0
        for index, kept, _ in pending:
            ours = log_probabilities[offset : offset + len(kept)]
            try:
                alive.append((index, *searches[index].send(ours)))
                state_rows.append(offset)
            except StopIteration as stop:
                results[index] = stop.value
            offset += len(kept)
        pending = alive
    return results


class Search:
    """The search for one photo. A search with other aims than likely captions overrides how it
    chooses who goes on, what is best, and when that is settled."""

    def __init__(self, width: int, rules: Rules):
        if width < 1:
            raise ValueError("a beam is at least 1 wide")
        self.width = width
        self.rules = rules

    def steps(self) -> Steps:
        rules = self.rules
        partial: list[tuple[int, ...]] = [()]
        scores = np.zeros(1)
        finished: list[Hypothesis] = []
        rows = [0]
        for length in range(rules.max_words + 1):
            last = [words[-1] if words else rules.start for words in partial]
            log_probabilities = yield rows, last
            totals = scores[:, None] + log_probabilities
            if rules.details and rules.least_probability:
                doubtful = log_probabilities[:, rules.details] < math.log(rules.least_probability)
                totals[:, rules.details] -= np.where(doubtful, np.inf, 0)
            if rules.logit_bias is not None:
                totals += rules.logit_bias
            finished += [
                Hypothesis(words, float(total) - rules.bias(words))
                for words, total in zip(partial, totals[:, rules.end], strict=True)
                if words
            ]
            finished = self.best(finished)
            if length == rules.max_words:
                break
            _forbid(totals, partial, rules)
            if rules.neutral:
                _say_neutrally(totals, rules)
                _forbid_loops(totals, partial, rules)
            rows, columns, scores = self.choose(totals, partial)
            if not rows or self.settled(finished, scores):
                break
            partial = [(*partial[row], word) for row, word in zip(rows, columns, strict=True)]
        return finished

    def choose(
        self, totals: np.ndarray, partial: Sequence[tuple[int, ...]]
    ) -> tuple[list[int], list[int], np.ndarray]:
        """Which hypotheses go on, the word each goes on with, and its log-probability with it.

        Args:
            totals: log-probabilities of each hypothesis followed by each word, (hypotheses,
                vocabulary), -inf where that is forbidden. May be changed.
            partial: the words of each hypothesis.
        """
        return top(totals, self.width)

    def best(self, finished: list[Hypothesis]) -> list[Hypothesis]:
        """At most width of them, the best first; of those written alike only the likeliest."""
        ranked = sorted(finished, key=lambda one: -self._rank(one))
        if self.rules.surface_forms is not None:
            firsts: dict[tuple[int, ...], Hypothesis] = {}
            for one in ranked:
                firsts.setdefault(self.rules.surface(one.words), one)
            ranked = list(firsts.values())
        return ranked[: self.width]

    def settled(self, finished: list[Hypothesis], scores: np.ndarray) -> bool:
        """Whether no unfinished hypothesis can still enter the finished ones.

        A log-probability only falls with each word, so the most that one can hope for is to keep
        its score up to the greatest length.
        """
        if len(finished) < self.width:
            return False
        best = scores.max() + self._bias_left
        hope = best / (self.rules.max_words + 1) ** self.rules.length_penalty
        return bool(best < 0 and hope <= self._rank(finished[-1]))

    @cached_property
    def _bias_left(self) -> float:
        """The most that can still be added: one id of each group."""
        logit_bias, once = self.rules.logit_bias, self.rules.once
        if logit_bias is None or once is None:
            return 0.0
        return float(sum(logit_bias[once == group].max() for group in set(once.tolist()) - {-1}))

    def _rank(self, one: Hypothesis) -> float:
        biased = one.log_probability + self.rules.bias(one.words)
        return biased / (len(one.words) + 1) ** self.rules.length_penalty


def _forbid(totals: np.ndarray, partial: Sequence[tuple[int, ...]], rules: Rules) -> None:
    totals[:, rules.end] = -np.inf
    totals[:, rules.banned] = -np.inf
    _forbid_loops(totals, partial, rules)
    for row, words in zip(totals, partial, strict=True):
        if rules.repeatable is not None:
            _forbid_words(row, set(rules.surface(words)) - rules.repeatable, rules)
        if rules.once is not None and words:
            for group in {int(rules.once[word]) for word in words} - {-1}:
                row[rules.once == group] = -np.inf


def _forbid_loops(totals: np.ndarray, partial: Sequence[tuple[int, ...]], rules: Rules) -> None:
    for row, words in zip(totals, partial, strict=True):
        _forbid_words(row, _repeating(rules.surface(words)), rules)


def _forbid_words(row: np.ndarray, words: Collection[int], rules: Rules) -> None:
    """Those that are written as these words."""
    if rules.surface_forms is None:
        row[list(words)] = -np.inf
    else:
        for word in set(words):
            row[rules.surface_forms == word] = -np.inf


def _say_neutrally(totals: np.ndarray, rules: Rules) -> None:
    """Puts neutral words in the place of the likelier of the two that are doubtful. They do not get
    the probability of both: that made people of things. What must not be said again makes nothing
    doubtful: beside a man there is a woman."""
    for one, other, neutral in rules.neutral:
        either = totals[:, [one, other]]
        both, likelier = np.logaddexp(*either.T), either.max(axis=1)
        doubtful = likelier < both + math.log(rules.least_share)
        totals[doubtful, neutral] = np.maximum(likelier, totals[:, neutral])[doubtful]
        totals[np.ix_(doubtful, [one, other])] = -np.inf


def _repeating(words: tuple[int, ...]) -> list[int]:
    """The words that, written next, would repeat what was just written, or a run of three."""
    loops = [
        words[-n]
        for n in range(1, (len(words) + 1) // 2 + 1)
        if words[len(words) - n + 1 :] == words[len(words) - 2 * n + 1 : len(words) - n]
    ]
    trigrams = [words[i + 2] for i in range(len(words) - 2) if words[i : i + 2] == words[-2:]]
    return loops + trigrams


def top(totals: np.ndarray, width: int) -> tuple[list[int], list[int], np.ndarray]:
    """Rows, columns and values of the greatest finite totals, greatest first. Takes them out of
    totals."""
    flat = totals.ravel()
    best: list[int] = []
    values: list[float] = []
    # One maximum after the other: a tenth of the time that NumPy takes to partition them.
    for _ in range(min(width, flat.size)):
        place = int(flat.argmax())
        if not np.isfinite(flat[place]):
            break
        best.append(place)
        values.append(flat[place])
        flat[place] = -np.inf
    rows, columns = np.divmod(np.array(best, int), totals.shape[1])
    return rows.tolist(), columns.tolist(), np.array(values)
