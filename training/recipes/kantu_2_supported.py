"""What kantu_2_whole_encoder.py is followed by: each decoder by itself, on what the int8 encoder
sees, by a score that charges for words that no caption of the photo has.

The shipped kantu-2 is of this recipe, begun from what kantu_2_whole_encoder.py had made.
"""

from dataclasses import replace

from training.recipes import SelfCritical
from training.recipes.kantu_2_whole_encoder import RECIPE as WHOLE_ENCODER

RECIPE = replace(
    WHOLE_ENCODER,
    stages=(SelfCritical(epochs=4, charge=0.5, captions_per_photo=3),),
    augmentations=4,
)
