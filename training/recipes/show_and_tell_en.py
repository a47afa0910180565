"""Show and Tell in English (Vinyals et al. 2015), at the zoo's size."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    units=256,
    embedding=256,
    likelihood=Likelihood(epochs=3),
    length_penalty=0.75,
)
