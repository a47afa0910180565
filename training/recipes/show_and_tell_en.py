"""Show and Tell in English, on Flickr8k with COCO's and Pascal Sentences' photos beside it."""

from training.recipes import Recipe

RECIPE = Recipe(language="en", epochs=12, self_critical_epochs=6, length_penalty=0.75)
