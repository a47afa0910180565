"""As soft_attention_zh with more augmentations, then trained by the score."""

from dataclasses import replace

from training.recipes import SelfCritical, soft_attention_zh

RECIPE = replace(
    soft_attention_zh.RECIPE,
    stages=(*soft_attention_zh.RECIPE.stages, SelfCritical(epochs=12, max_length=12)),
    augmentations=4,
)
