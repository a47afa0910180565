"""Show and Tell in Chinese, on the captions people wrote of Flickr8k (flickr8kzhc), in styles of
different lengths.

The middle one is asked for: the short one says less than it knows, the long one repeats itself.
"""

from training.recipes import SHORT_TO_LONG, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={
        "zh": LanguageConfig(
            styles=SHORT_TO_LONG,
            start="<medium>",
        )
    },
    stages=(MaximumLikelihood(epochs=12),),
)
