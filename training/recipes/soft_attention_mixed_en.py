"""Show, Attend and Tell in English (Xu et al. 2015), on mixed data, over the encoder stage that
kantu-2 has."""

from dataclasses import replace

from training.recipes import MaximumLikelihood, soft_attention_en

RECIPE = replace(
    soft_attention_en.RECIPE,
    stages=(MaximumLikelihood(epochs=5),),
    data=("flickr8k", "mscoco", "pascal_sentences"),
    begin_from="kantu-2",
    augmentations=2,
)
