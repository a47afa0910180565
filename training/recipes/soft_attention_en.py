"""Show, Attend and Tell in English (Xu et al. 2015)."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    decoder="soft_attention",
    likelihood=Likelihood(epochs=8, learning_rate=2e-3),
    length_penalty=0.75,
)
