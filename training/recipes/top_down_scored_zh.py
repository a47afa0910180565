"""As top_down_zh, then trained by the score."""

from dataclasses import replace

from training.recipes import SelfCritical, top_down_zh

RECIPE = replace(
    top_down_zh.RECIPE,
    self_critical=SelfCritical(epochs=6, photos=128, words=12, learning_rate=3e-4, dropout=True),
)
