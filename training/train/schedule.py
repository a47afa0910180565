"""How fast a stage of maximum likelihood learns, step by step."""

from __future__ import annotations

import keras

from training.recipes import Likelihood


def learning_rate_schedule(
    stage: Likelihood, steps_per_epoch: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Warm-up, then a cosine, over exactly the steps that this dataset gives."""
    steps = steps_per_epoch * stage.epochs
    warm_up = round(stage.warm_up * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm_up),
        alpha=0.01,
        warmup_target=stage.learning_rate,
        warmup_steps=warm_up,
    )
