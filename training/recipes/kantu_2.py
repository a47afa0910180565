"""kantu-2: soft attention in both languages over an encoder stage that is trained with them, on
photos of everything.

kantu_2_whole_encoder.py goes on from there. The shipped kantu-2 had the encoder stage of an earlier
model to begin with; this begins with ImageNet's.
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
    augmentations=4,
)
