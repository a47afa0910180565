"""Neural Baby Talk in Chinese (Lu et al. 2018), in styles of different lengths, over the
encoder stage that kantu-2 has."""

from training.recipes import SHORT_TO_LONG, DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "zh": LanguageConfig(
            (DecoderConfig("neural_baby_talk", embedding=300),),
            styles=SHORT_TO_LONG,
            start="<medium>",
            max_length=16,
            grounded=True,
        )
    },
    stages=(MaximumLikelihood(epochs=6),),
    grid=True,
    begin_from="kantu-2",
    augmentations=2,
)
