"""NeuralTalk's plain recurrent network in Chinese, in styles of different lengths, over a tail
that a training in English has trained."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="zh",
    decoder="neural_talk",
    likelihood=Likelihood(epochs=8),
    styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
    style="<medium>",
)
