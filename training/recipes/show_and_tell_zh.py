"""Show and Tell in Chinese, on the captions people wrote of Flickr8k (flickr8kzhc)."""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(language="zh", units=256, embedding=256, likelihood=Likelihood(epochs=3))
