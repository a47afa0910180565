"""kantu-2: soft attention in both languages over an encoder that is trained with them, on photos of
everything. Made for a GPU, on which it takes ten minutes; a CPU needs days.
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
        MaximumLikelihood(
            epochs=10,
            encoder="whole",
            encoder_rate=0.05,
            batch_size=128,
            evaluated_every=10,
        ),
        SelfCritical(
            epochs=4,
            encoder="whole",
            encoder_rate=0.1,
            likelihood_batch_size=64,
            captions_per_photo=3,
            evaluated_every=2,
        ),
    ),
    data=_EVERYTHING,
    dev=_EVERYTHING,
    grid=True,
    augmentations=32,
)
