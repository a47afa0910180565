"""NeuralTalk's decoder in English, larger than the paper's, the encoder's tail trained with it,
then by the score: what the plainest decoder can do."""

from training.recipes import Likelihood, Recipe, SelfCritical

RECIPE = Recipe(
    language="en",
    decoder="neural_talk",
    units=768,
    embedding=300,
    likelihood=Likelihood(epochs=6),
    fine_tuning=Likelihood(epochs=8, learning_rate=3e-4),
    self_critical=SelfCritical(epochs=4),
    length_penalty=0.75,
)
