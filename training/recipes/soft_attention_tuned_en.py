"""Show, Attend and Tell in English (Xu et al. 2015), the whole encoder trained with it, then by the
score: training.end_to_end."""

from training.recipes import Likelihood, Recipe, SelfCritical

RECIPE = Recipe(
    language="en",
    decoder="soft_attention",
    photos=64,
    likelihood=Likelihood(epochs=2, learning_rate=1.5e-3),
    fine_tuning=Likelihood(epochs=12, learning_rate=3e-4),
    self_critical=SelfCritical(epochs=8, words=16, learning_rate=1e-4),
    length_penalty=0.75,
)
