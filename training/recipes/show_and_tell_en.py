"""Show and Tell in English (Vinyals et al. 2015)."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    likelihood=Likelihood(epochs=8, learning_rate=2e-3),
    length_penalty=0.75,
)
