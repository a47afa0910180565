"""Show, Attend and Tell in Chinese (Xu et al. 2015), in styles of different lengths, over a tail
that a training in English has trained."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="zh",
    decoder="soft_attention",
    likelihood=Likelihood(epochs=7, learning_rate=2e-3),
    styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
    style="<medium>",
)
