"""What kantu-2's recipe is followed by: the same decoders, photos and languages, and the whole
encoder trained with them instead of its last blocks. For a GPU; docs/training.md has the commands.

kantu_2_supported.py goes on from there.
"""

from dataclasses import replace

from training.recipes import ENCODER_STAGE, MaximumLikelihood, SelfCritical
from training.recipes.kantu_2 import RECIPE as KANTU_2

RECIPE = replace(
    KANTU_2,
    languages={
        name: replace(language, length_penalty=0.6) for name, language in KANTU_2.languages.items()
    },
    stages=(
        MaximumLikelihood(
            epochs=7,
            learning_rate=5e-4,
            encoder="whole",
            encoder_rate=0.3,
            batch_size=128,
            evaluated_every=7,
        ),
        SelfCritical(
            epochs=3,
            encoder="whole",
            encoder_rate=0.1,
            likelihood_batch_size=64,
            captions_per_photo=3,
            evaluated_every=3,
        ),
    ),
    begin_from="kantu-2",
    begin_with=(ENCODER_STAGE, *KANTU_2.decoders()),
    augmentations=32,
)
