"""Top-down attention in Chinese (Anderson et al. 2018), in several styles.

The encoder's tail is best taken from a training in English (the zoo's row top_down_en).

The captions people wrote are short, so a decoder that learns from them alone says little. Here each
begins with how long it is, which can then be asked for.
"""

from training.recipes import Likelihood, Recipe

RECIPE = Recipe(
    language="zh",
    decoder="top_down",
    embedding=300,
    likelihood=Likelihood(epochs=8, learning_rate=1.5e-3),
    styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
    style="<medium>",
)
