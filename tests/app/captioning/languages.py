"""A random language that needs no weights, and all its captions, for searches to be tested on."""

import itertools

import numpy as np

from app.captioning.beam_search import Rules

START, END, UNKNOWN = range(3)
WORDS = 6
SURFACE = np.array([*range(WORDS), 3, 4])
"""Of a language with two more ids, which are written as other words."""


class RandomLanguage:
    """Log-probabilities that depend on the photo and on all words so far, which are the state."""

    def __init__(self, seed: int, ids: int = WORDS, steps: int = 30):
        self.seed = seed
        self.ids = ids
        self.steps = steps

    def state(self, photo: int) -> np.ndarray:
        return np.array([[photo, 0.0] + [0.0] * self.steps], np.float32)

    def step(self, state: np.ndarray, words: np.ndarray):
        state = state.copy()
        for row, word in zip(state, words, strict=True):
            row[1] += 1
            row[1 + int(row[1])] = word
        return np.stack([self.log_probabilities(row) for row in state]), state

    def log_probabilities(self, row: np.ndarray) -> np.ndarray:
        so_far = [int(value) for value in row[2 : 2 + int(row[1])]]
        random = np.random.default_rng([self.seed, int(row[0]), *so_far])
        logits = random.normal(size=self.ids) * 2
        return (logits - np.log(np.exp(logits).sum())).astype(np.float32)

    def log_probability(self, photo: int, words: tuple[int, ...]) -> float:
        total, state = 0.0, self.state(photo)
        for last, following in itertools.pairwise((START, *words, END)):
            log_probabilities, state = self.step(state, np.array([last]))
            total += float(log_probabilities[0, following])
        return total


def rules(**changes) -> Rules:
    return Rules(
        **{"start": START, "end": END, "banned": (START, UNKNOWN), "max_words": 3} | changes
    )


def surface(words: tuple[int, ...]) -> tuple[int, ...]:
    """Without SURFACE the same, as its first ids are words of their own."""
    return tuple(int(SURFACE[word]) for word in words)


def loops(words: tuple[int, ...]) -> bool:
    return any(
        words[at : at + n] == words[at + n : at + 2 * n]
        for n in range(1, len(words) // 2 + 1)
        for at in range(len(words) - 2 * n + 1)
    )


def has_trigram_twice(words: tuple[int, ...]) -> bool:
    trigrams = [words[at : at + 3] for at in range(len(words) - 2)]
    return len(set(trigrams)) < len(trigrams)


def allowed(ids: int, max_words: int):
    words = [word for word in range(ids) if word not in (START, END, UNKNOWN)]
    for length in range(1, max_words + 1):
        for caption in itertools.product(words, repeat=length):
            if not loops(surface(caption)) and not has_trigram_twice(surface(caption)):
                yield caption


def ranked(language: RandomLanguage, rules: Rules) -> list[tuple[int, ...]]:
    """Every caption that is allowed, the best first."""
    return sorted(
        allowed(language.ids, rules.max_words),
        key=lambda words: (
            -language.log_probability(0, words) / (len(words) + 1) ** rules.length_penalty
        ),
    )


def unlike(captions: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The first of each that are written alike."""
    firsts: dict[tuple[int, ...], tuple[int, ...]] = {}
    for words in captions:
        firsts.setdefault(surface(words), words)
    return list(firsts.values())
