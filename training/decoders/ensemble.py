"""Several decoders that say one caption together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from keras import ops

from training.decoders.base import Decoder, Features, Memory
from training.encoders.encoder import Tensor


class Ensemble:
    """Decoders of the same words that choose each word together, by the mean of their
    log-probabilities (Vinyals et al. 2017, section 4.3.3, where an ensemble is worth most).

    Their states lie side by side, and so do the memories of those that attend.
    """

    def __init__(self, members: Sequence[Decoder]):
        self.members = members
        self.uses = tuple(dict.fromkeys(name for member in members for name in member.uses))
        self.state_size = sum(member.state_size for member in members)

    @property
    def variables(self) -> list[Any]:
        return [variable for member in self.members for variable in member.variables]

    def start(self, features: Features) -> tuple[Tensor, Memory]:
        """As Decoder.start()."""
        states, memories = zip(*(member.start(features) for member in self.members), strict=True)
        kept = [memory for memory in memories if memory is not None]
        return ops.concatenate(states, axis=1), ops.concatenate(kept, axis=-1) if kept else None

    def step(self, state: Tensor, tokens: Tensor, memory: Memory = None) -> tuple[Tensor, Tensor]:
        """As Decoder.step()."""
        states = _split(state, [member.state_size for member in self.members])
        steps = [
            member.step(before, tokens, remembered)
            for member, before, remembered in zip(
                self.members, states, self._memories(memory), strict=True
            )
        ]
        votes, following = zip(*steps, strict=True)
        mean = sum(votes) / len(votes)
        return ops.log_softmax(mean), ops.concatenate(following, axis=1)

    def _memories(self, memory: Memory) -> list[Memory]:
        """Each member's part; None for those that do not attend."""
        sizes = [member.memory_size for member in self.members]
        parts = iter(() if memory is None else _split(memory, list(filter(None, sizes))))
        return [next(parts) if size else None for size in sizes]


def _split(side_by_side: Tensor, sizes: Sequence[int]) -> Sequence[Tensor]:
    ends = list(accumulate(sizes))[:-1]
    return ops.split(side_by_side, ends, axis=-1) if ends else [side_by_side]
