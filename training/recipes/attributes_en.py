"""Attributes as the input of Show and Tell's LSTM, in English (Wu et al. 2016)."""

from training.recipes import DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={"en": LanguageConfig((DecoderConfig("attributes"),), length_penalty=0.75)},
    stages=(MaximumLikelihood(epochs=8),),
)
