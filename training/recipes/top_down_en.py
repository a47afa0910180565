"""Top-down attention in English (Anderson et al. 2018), the encoder's end trained with it, then by
the score."""

from training.recipes import Likelihood, Recipe, SelfCritical

RECIPE = Recipe(
    language="en",
    decoder="top_down",
    embedding=300,
    likelihood=Likelihood(epochs=5, learning_rate=1.5e-3),
    fine_tuning=Likelihood(epochs=7, learning_rate=3e-4),
    self_critical=SelfCritical(epochs=4),
    length_penalty=0.75,
)
