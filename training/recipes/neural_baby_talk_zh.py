"""Neural Baby Talk in Chinese (Lu et al. 2018), in styles of different lengths, over kantu-1's
encoder stage."""

from training.recipes import DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "zh": LanguageConfig(
            (DecoderConfig("neural_baby_talk", embedding=300),),
            styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
            start="<medium>",
            max_length=16,
            grounded=True,
        )
    },
    stages=(MaximumLikelihood(epochs=6),),
    grid=True,
    begin_from="kantu-1",
    augmentations=2,
)
