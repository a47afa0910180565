"""Show and Tell in English over another encoder."""

from dataclasses import replace

from training.recipes import show_and_tell_en_efficientnet_lite3

RECIPE = replace(show_and_tell_en_efficientnet_lite3.RECIPE, encoder="xception")
