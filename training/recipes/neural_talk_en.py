"""NeuralTalk's plain recurrent network in English (Karpathy & Fei-Fei 2015), the zoo's baseline."""

from training.recipes import DecoderConfig, LanguageConfig, MaximumLikelihood, Recipe

RECIPE = Recipe(
    languages={"en": LanguageConfig((DecoderConfig("neural_talk"),), length_penalty=0.75)},
    stages=(MaximumLikelihood(epochs=8, learning_rate=1e-3),),
)
