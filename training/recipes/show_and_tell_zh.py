"""Show and Tell in Chinese, on the captions people wrote of Flickr8k (flickr8kzhc), in styles of
different lengths.

The middle one is asked for: the short one says less than it knows, the long one repeats itself.
"""

from training.recipes import LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "zh": LanguageConfig(
            styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
            start="<medium>",
        )
    },
    stages=(MaximumLikelihood(epochs=12),),
)
