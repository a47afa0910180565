"""NeuralTalk's plain recurrent network in English (Karpathy & Fei-Fei 2015), the zoo's baseline."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    decoder="neural_talk",
    likelihood=Likelihood(epochs=8),
    length_penalty=0.75,
)
