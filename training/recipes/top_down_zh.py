"""Top-down attention in Chinese (Anderson et al. 2018), in several styles.

The captions people wrote are short, so a decoder that learns from them alone says little. Here each
begins with how long it is, which can then be asked for; machine translations of the English
captions are a style of their own, which is learned from and not spoken.
"""

from training.recipes import Likelihood, Recipe, SelfCritical

RECIPE = Recipe(
    language="zh",
    decoder="top_down",
    embedding=300,
    likelihood=Likelihood(epochs=5),
    fine_tuning=Likelihood(epochs=5, learning_rate=3e-4),
    self_critical=SelfCritical(epochs=0),
    styles=(("<short>", 4), ("<medium>", 6), ("<long>", 20)),
    translated_style="<translated>",
    style="<medium>",
)
