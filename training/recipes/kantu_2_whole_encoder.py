"""What is to replace kantu-2's recipe: the same decoders and photos, and the whole encoder trained
with them instead of its last blocks, from ImageNet's weights on. For a GPU.

It was never trained to its end, so no checkpoint is of it. On a GPU (NVIDIA H200) a step of 128
photos takes 79 ms of its time; docs/training.md has the commands.
"""

from dataclasses import replace

from training.recipes import MaximumLikelihood, SelfCritical
from training.recipes.kantu_2 import RECIPE as KANTU_2

RECIPE = replace(
    KANTU_2,
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
    begin_from="",
    augmentations=32,
)
