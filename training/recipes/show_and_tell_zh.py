"""Show and Tell in Chinese, on the captions people wrote of Flickr8k (flickr8kzhc)."""

from training.recipes import Recipe

RECIPE = Recipe(language="zh", epochs=12)
