"""Several decoders that say one caption together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from training.decoders.base import Decoder, Memory
from training.decoders.front import Front, Seen


class Ensemble:
    """Decoders of the same words that choose each word together, by the mean of their
    log-probabilities (Vinyals et al. 2017, section 4.3.3, where an ensemble is worth most).

    Their states lie side by side, and so do the memories of those that attend.
    """

    def __init__(self, members: Sequence[Decoder]):
        """
        Args:
            members: their fronts are the same; the first's is used.
        """
        self.members = members
        self.front: Front = members[0].front
        self.state_size = sum(member.state_size for member in members)

    @property
    def variables(self) -> list[Any]:
        return [variable for member in self.members for variable in member.variables]

    def begin(self, seen: Seen) -> tuple[tf.Tensor, Memory]:
        states, memories = zip(*(member.begin(seen) for member in self.members), strict=True)
        kept = [memory for memory in memories if memory is not None]
        return tf.concat(states, axis=1), tf.concat(kept, axis=-1) if kept else None

    def step(
        self, state: tf.Tensor, words: tf.Tensor, memory: Memory = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As Decoder.step()."""
        states = tf.split(state, [member.state_size for member in self.members], axis=1)
        steps = [
            member.step(before, words, remembered)
            for member, before, remembered in zip(
                self.members, states, self._memories(memory), strict=True
            )
        ]
        votes, following = zip(*steps, strict=True)
        mean = tf.add_n(list(votes)) / len(votes)
        return tf.nn.log_softmax(mean), tf.concat(following, axis=1)

    def _memories(self, memory: Memory) -> list[Memory]:
        """Each member's part; None for those that do not attend."""
        sizes = [member.memory_size for member in self.members]
        parts = iter(() if memory is None else tf.split(memory, [n for n in sizes if n], axis=-1))
        return [next(parts) if size else None for size in sizes]
