"""Show, Attend and Tell in English (Xu et al. 2015)."""

from training.recipes import DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={"en": LanguageConfig((DecoderConfig("soft_attention"),), length_penalty=0.75)},
    stages=(MaximumLikelihood(epochs=8),),
    grid=True,
)
