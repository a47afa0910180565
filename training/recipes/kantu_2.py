"""kantu-2: soft attention in both languages over an encoder stage that is trained with them, on
photos of everything.

It begins with the stage of kantu-1, which is that of neural-baby-talk-1; kantu_2_whole_encoder.py
goes on from there.
"""

from training.recipes import (
    SHORT_TO_LONG,
    DecoderConfig,
    LanguageConfig,
    MaximumLikelihood,
    Recipe,
    SelfCritical,
)

_EVERYTHING = ("flickr8k", "mscoco", "pascal_sentences", "everyday")

RECIPE = Recipe(
    languages={
        "en": LanguageConfig((DecoderConfig("soft_attention"),), length_penalty=0.75),
        "zh": LanguageConfig(
            (DecoderConfig("soft_attention"),),
            styles=SHORT_TO_LONG,
            start="<long>",
        ),
    },
    stages=(
        MaximumLikelihood(epochs=1, learning_rate=2e-3, batch_size=40, captions_per_photo=3),
        MaximumLikelihood(
            epochs=3, learning_rate=5e-4, encoder="stage", batch_size=40, captions_per_photo=3
        ),
        SelfCritical(epochs=2, captions_per_photo=3),
    ),
    data=_EVERYTHING,
    dev=_EVERYTHING,
    grid=True,
    begin_from="neural-baby-talk-1",
    augmentations=4,
)
