"""Top-down attention in Chinese (Anderson et al. 2018), in styles of different lengths, over the
encoder stage that kantu-2 has.

The captions people wrote are short, so a decoder that learns from them alone says little. Here each
begins with how long it is, which can then be asked for.
"""

from training.recipes import SHORT_TO_LONG, DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "zh": LanguageConfig(
            (DecoderConfig("top_down", embedding=300),),
            styles=SHORT_TO_LONG,
            start="<medium>",
        )
    },
    stages=(MaximumLikelihood(epochs=8, learning_rate=1.5e-3),),
    grid=True,
    begin_from="kantu-2",
    augmentations=3,
)
