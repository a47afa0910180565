"""NeuralTalk's plain recurrent network in Chinese, in styles of different lengths: beside
top_down_zh, with which it speaks together."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="zh",
    decoder="neural_talk",
    likelihood=Likelihood(epochs=8),
    styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
    style="<medium>",
)
