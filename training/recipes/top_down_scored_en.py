"""As top_down_en, and then trained by the score again: training.end_to_end.score."""

from dataclasses import replace

from training.recipes import SelfCritical, top_down_en

RECIPE = replace(
    top_down_en.RECIPE,
    self_critical=SelfCritical(epochs=12, photos=128, words=16, learning_rate=3e-4, dropout=True),
)
