"""Show and Tell in English (Vinyals et al. 2015)."""

from training.recipes import LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={"en": LanguageConfig(length_penalty=0.75)},
    stages=(MaximumLikelihood(epochs=8),),
)
