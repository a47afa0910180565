"""Neural Baby Talk in English (Lu et al. 2018), over the encoder stage that kantu-2
has."""

from training.recipes import DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "en": LanguageConfig(
            (DecoderConfig("neural_baby_talk", embedding=300),),
            max_length=16,
            length_penalty=0.75,
            grounded=True,
        )
    },
    stages=(MaximumLikelihood(epochs=5),),
    grid=True,
    begin_from="kantu-2",
    augmentations=2,
)
