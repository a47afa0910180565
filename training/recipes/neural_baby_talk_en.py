"""Neural Baby Talk in English (Lu et al. 2018)."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    decoder="neural_baby_talk",
    embedding=300,
    likelihood=Likelihood(epochs=5, learning_rate=2e-3),
    max_words=16,
    length_penalty=0.75,
    grounded=True,
)
