"""Show and Tell on Flickr8k: the five Chinese captions people wrote of each photo (flickr8kzhc)."""

from training.recipes import Recipe

RECIPE = Recipe(language="zh", epochs=12)
