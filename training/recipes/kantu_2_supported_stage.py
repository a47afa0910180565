"""What kantu_2_supported.py is followed by: the encoder stage and both decoders together, by the
same score."""

from dataclasses import replace

from training.recipes import SelfCritical
from training.recipes.kantu_2_supported import RECIPE as SUPPORTED

RECIPE = replace(
    SUPPORTED,
    stages=(
        SelfCritical(epochs=3, encoder="stage", encoder_rate=0.3, charge=0.5, captions_per_photo=3),
    ),
)
