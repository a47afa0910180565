"""Show and Tell in English, on mixed data."""

from dataclasses import replace

from training.recipes import show_and_tell_en_efficientnet_lite3

RECIPE = replace(
    show_and_tell_en_efficientnet_lite3.RECIPE, data=("flickr8k", "mscoco", "pascal_sentences")
)
