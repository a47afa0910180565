"""Show, Attend and Tell in Chinese (Xu et al. 2015), in styles of different lengths, over the
encoder stage that kantu-2 has."""

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
    begin_from="kantu-2",
    augmentations=2,
)
