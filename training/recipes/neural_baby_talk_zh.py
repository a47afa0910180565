"""Neural Baby Talk in Chinese (Lu et al. 2018), in styles of different lengths."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="zh",
    decoder="neural_baby_talk",
    embedding=300,
    likelihood=Likelihood(epochs=6, learning_rate=2e-3),
    styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
    style="<medium>",
    max_words=16,
    grounded=True,
)
