"""As soft_attention_zh, then trained by the score: training.end_to_end.score."""

from dataclasses import replace

from training.recipes import SelfCritical, soft_attention_zh

RECIPE = replace(
    soft_attention_zh.RECIPE,
    self_critical=SelfCritical(epochs=12, photos=128, words=12, learning_rate=3e-4, dropout=True),
)
