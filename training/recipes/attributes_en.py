"""Attributes as the input of Show and Tell's LSTM, in English (Wu et al. 2016)."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    decoder="attributes",
    likelihood=Likelihood(epochs=8, learning_rate=2e-3),
    length_penalty=0.75,
)
