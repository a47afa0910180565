"""kantu-1: soft and top-down attention together in English, soft attention in Chinese.

The shipped kantu-1 went through these stages in parts, by an earlier trainer; its manifest says
what was run. As one recipe they have not been run.
"""

from training.recipes import (
    SHORT_TO_LONG,
    DecoderConfig,
    LanguageConfig,
    MaximumLikelihood,
    Recipe,
    SelfCritical,
)

RECIPE = Recipe(
    languages={
        "en": LanguageConfig(
            (DecoderConfig("soft_attention"), DecoderConfig("top_down", embedding=300)),
            length_penalty=0.75,
        ),
        "zh": LanguageConfig(
            (DecoderConfig("soft_attention"),),
            styles=SHORT_TO_LONG,
            start="<medium>",
        ),
    },
    stages=(
        MaximumLikelihood(epochs=5, learning_rate=1.5e-3, decoders=("en-2",)),
        MaximumLikelihood(epochs=7, learning_rate=3e-4, encoder="stage", decoders=("en-2",)),
        SelfCritical(
            epochs=4,
            learning_rate=2e-4,
            batch_size=64,
            max_length=14,
            encoder="stage",
            averaged=2,
            decoders=("en-2",),
        ),
        MaximumLikelihood(epochs=5, decoders=("en",)),
        SelfCritical(epochs=12, decoders=("en", "en-2")),
        MaximumLikelihood(epochs=7, decoders=("zh",)),
        SelfCritical(epochs=12, max_length=12, decoders=("zh",)),
    ),
    data=("flickr8k", "mscoco", "pascal_sentences"),
    grid=True,
    augmentations=4,
)
