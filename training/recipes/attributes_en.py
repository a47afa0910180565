"""Attributes as the input of Show and Tell's LSTM, in English (Wu et al. 2016)."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="en",
    decoder="attributes",
    units=256,
    embedding=256,
    likelihood=Likelihood(epochs=3),
    length_penalty=0.75,
)
