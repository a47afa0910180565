"""CUDA graphs: on PyTorch with a GPU a computation is recorded once, and replayed afterwards.

Launching the kernels of a step one by one from Python takes ten times as long as they run. What is
recorded may neither look at what it computes nor bring numbers from the CPU: both would have to
wait for the GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from training.encoders.encoder import Tensor

WARM_UPS = 3
"""Times that a computation runs before it is recorded, so that what is chosen or made at first is
not part of it."""

Nested = Any
"""Arrays or tensors in dictionaries and lists."""


def records() -> bool:
    """Whether computations are recorded here."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return bool(torch.cuda.is_available())


class Recorded:
    """A computation that is recorded for each shape of what it is given."""

    def __init__(self, compute: Callable[[Nested], Nested]):
        self.compute = compute
        self.recordings: dict[Any, tuple[Any, Nested, Nested]] = {}

    def __call__(self, given: Nested) -> Nested:
        """The tensors that the computation returns, which the next call overwrites."""
        import torch

        arrays = [np.asarray(one) for one in keras.tree.flatten(given)]
        key = tuple((one.shape, one.dtype.str) for one in arrays)
        if key not in self.recordings:
            self.recordings[key] = self._record(given)
        graph, inputs, outputs = self.recordings[key]
        for tensor, array in zip(keras.tree.flatten(inputs), arrays, strict=True):
            tensor.copy_(torch.from_numpy(array))
        graph.replay()
        return outputs

    def _record(self, given: Nested) -> tuple[Any, Nested, Nested]:
        import torch

        inputs = keras.tree.map_structure(lambda one: torch.from_numpy(one).cuda(), given)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self.compute(inputs)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self.compute(inputs)
        return graph, inputs, outputs


def without_gradients(compute: Callable[[Nested], Nested]) -> Callable[[Nested], Nested]:
    """The computation, recorded; it returns arrays."""
    import torch

    def run(given: Nested) -> Nested:
        with torch.no_grad():
            return compute(given)

    recorded = Recorded(run)
    return lambda given: keras.tree.map_structure(
        lambda tensor: tensor.cpu().numpy(), recorded(given)
    )


def gradients(
    loss: Callable[[Nested], Tensor], variables: list[keras.Variable]
) -> Callable[[Nested], tuple[Tensor, list[Tensor]]]:
    """A recorded loss with its gradient by each variable, as the next call overwrites them."""

    def run(given: Nested) -> tuple[Tensor, list[Tensor]]:
        for variable in variables:
            variable.value.grad = None
        value = loss(given)
        value.backward()
        return value.detach(), [variable.value.grad for variable in variables]

    return Recorded(run)
