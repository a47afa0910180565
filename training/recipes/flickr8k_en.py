"""Show and Tell on Flickr8k: the five captions people wrote of each photo."""

from training.recipes import Recipe

RECIPE = Recipe(language="en")
