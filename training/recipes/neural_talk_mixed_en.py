"""NeuralTalk's plain recurrent network in English, on mixed data: beside top_down_en, with which it
speaks together."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    decoder="neural_talk",
    likelihood=Likelihood(epochs=5),
    length_penalty=0.75,
)
