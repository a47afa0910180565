"""Show and Tell in English, its word embedding begun with skip-gram vectors of the captions."""

from dataclasses import replace

from training.recipes import DecoderConfig, LanguageConfig, show_and_tell_en_efficientnet_lite3

CONFIG = LanguageConfig((DecoderConfig(word2vec=True),), length_penalty=0.75)
RECIPE = replace(show_and_tell_en_efficientnet_lite3.RECIPE, languages={"en": CONFIG})
