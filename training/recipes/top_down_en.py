"""Top-down attention in English (Anderson et al. 2018), on mixed data, the encoder's stage trained
with it, then by the score."""

from training.recipes import DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe, SelfCritical

RECIPE = Recipe(
    languages={
        "en": LanguageConfig((DecoderConfig("top_down", embedding=300),), length_penalty=0.75)
    },
    stages=(
        MaximumLikelihood(epochs=5, learning_rate=1.5e-3),
        MaximumLikelihood(epochs=7, learning_rate=3e-4, encoder="stage"),
        SelfCritical(epochs=4),
    ),
    data=("flickr8k", "mscoco", "pascal_sentences"),
    grid=True,
    augmentations=3,
)
