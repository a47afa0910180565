"""As soft_attention_mixed_en, then trained by the score: training.end_to_end.score."""

from dataclasses import replace

from training.recipes import SelfCritical, soft_attention_mixed_en

RECIPE = replace(
    soft_attention_mixed_en.RECIPE,
    self_critical=SelfCritical(epochs=12, photos=128, words=16, learning_rate=3e-4, dropout=True),
)
