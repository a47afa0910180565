"""Adam with a rate of its own for the encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras


def adam(
    learning_rate: keras.optimizers.schedules.LearningRateSchedule,
    clip_norm: float,
    slowed: Iterable[keras.Variable],
    rate: float,
) -> keras.optimizers.Optimizer:
    """Adam (Kingma & Ba 2015) that trains some variables more slowly.

    A pretrained encoder needs smaller steps than decoders that begin at random, and Adam's steps do
    not depend on how large gradients are: scaling the loss would change nothing.

    Args:
        clip_norm: the most that the norm of all gradients together may be.
        slowed: the variables that are trained more slowly.
        rate: their share of the learning rate.
    """
    optimizer = keras.optimizers.Adam(learning_rate, global_clipnorm=clip_norm)
    own = {id(variable) for variable in slowed}
    # Keras' hook for all variables at once. It is replaced in the object, for which class that is
    # depends on the backend; update_step(), for one variable, is slow on PyTorch.
    update = optimizer._backend_update_step

    def in_two_groups(grads: Sequence[Any], variables: Sequence[Any], at: Any) -> None:
        pairs = list(zip(grads, variables, strict=True))
        for share, is_slowed in ((rate, True), (1.0, False)):
            group = [pair for pair in pairs if (id(pair[1]) in own) == is_slowed]
            if group:
                update([grad for grad, _ in group], [variable for _, variable in group], at * share)

    optimizer._backend_update_step = in_two_groups
    return optimizer
