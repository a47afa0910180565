"""Show and Tell in Chinese, on the captions people wrote of Flickr8k (flickr8kzhc), in styles of
different lengths.

The middle one is spoken: the short one says less than it knows, the long one repeats itself.
"""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="zh",
    likelihood=Likelihood(epochs=12, learning_rate=2e-3),
    styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
    style="<medium>",
)
