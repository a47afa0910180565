"""Show, Attend and Tell in English (Xu et al. 2015), on mixed data, over a tail that another
training has trained."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    decoder="soft_attention",
    likelihood=Likelihood(epochs=5, learning_rate=2e-3),
    length_penalty=0.75,
)
