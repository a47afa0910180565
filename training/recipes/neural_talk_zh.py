"""NeuralTalk's plain recurrent network in Chinese, in styles of different lengths, over the encoder
stage that kantu-2 has."""

from training.recipes import SHORT_TO_LONG, DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "zh": LanguageConfig(
            (DecoderConfig("neural_talk"),),
            styles=SHORT_TO_LONG,
            start="<medium>",
        )
    },
    stages=(MaximumLikelihood(epochs=8, learning_rate=1e-3),),
    grid=True,
    begin_from="kantu-2",
    augmentations=2,
)
