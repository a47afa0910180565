"""Show, Attend and Tell in Chinese (Xu et al. 2015), in styles of different lengths, over kantu-1's
encoder stage."""

from training.recipes import SHORT_TO_LONG, DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "zh": LanguageConfig(
            (DecoderConfig("soft_attention"),),
            styles=SHORT_TO_LONG,
            start="<medium>",
        )
    },
    stages=(MaximumLikelihood(epochs=7),),
    grid=True,
    begin_from="kantu-1",
    augmentations=2,
)
