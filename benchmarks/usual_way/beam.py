"""Beam search as im2txt does it (inference_utils/caption_generator.py): Python over each word."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(words (n,), states (n, s)) -> (probabilities (n, words), next states (n, s))."""

WIDTH = 3
LONGEST = 10
"""im2txt allows 20, and mostly uses them up: each finished caption leaves its place in the beam to
an unfinished one. Ten, the length of a caption in COCO, halves its work: nobody shall say that the
comparison is unfair. Random weights never say the end by themselves."""


@dataclass(order=True)
class Caption:
    score: float
    sentence: list[int] = field(compare=False)
    state: np.ndarray = field(compare=False)


def search(initial_state: np.ndarray, step: Step, start: int, end: int) -> list[Caption]:
    """The best captions first."""
    partial = [Caption(0.0, [start], initial_state)]
    complete: list[Caption] = []
    for _ in range(LONGEST):
        words = np.array([caption.sentence[-1] for caption in partial])
        probabilities, states = step(words, np.array([caption.state for caption in partial]))
        longer: list[Caption] = []
        for caption, chances, state in zip(partial, probabilities, states, strict=True):
            # The whole vocabulary in a Python list, sorted by a Python function: im2txt until 2018.
            # Later it sorted with NumPy, but by a slip went on with all words but three.
            ranked = list(enumerate(chances))
            ranked.sort(key=lambda word_and_chance: -word_and_chance[1])
            for word, chance in ranked[:WIDTH]:
                if chance < 1e-12:
                    continue
                score = caption.score + math.log(chance)
                following = Caption(score, [*caption.sentence, word], state)
                push(complete if word == end else longer, following)
        partial = longer
        if not partial:
            break
    return sorted(complete or partial, reverse=True)


def push(best: list[Caption], caption: Caption) -> None:
    if len(best) < WIDTH:
        heapq.heappush(best, caption)
    else:
        heapq.heappushpop(best, caption)
