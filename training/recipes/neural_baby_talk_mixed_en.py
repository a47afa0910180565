"""Neural Baby Talk in English, on mixed data."""

from dataclasses import replace

from training.recipes import neural_baby_talk_en

RECIPE = replace(neural_baby_talk_en.RECIPE, data=("flickr8k", "mscoco", "pascal_sentences"))
