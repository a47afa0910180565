"""Scores decoders on dev photos, by the beam search that serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from keras import ops

from training.data.corpus import Batches, Corpus, Lesson, repeatable_words
from training.data.tokenization import without_pauses
from training.decoders.class_bias import class_bias
from training.encoders.encoder import Tensor
from training.evaluation.metrics import score
from training.evaluation.support import Support
from training.train.losses import ONE_LENGTH
from training.train.model import CaptioningModel, Computation
from training.train.run_folder import Scores
from training.train.sampling import Describer

BATCH_SIZE = 50
CAPTIONS_PER_PHOTO = 5


class Entropy(Computation):
    """How unlikely a decoder finds written captions, in nats."""

    def __init__(self, model: CaptioningModel, name: str):
        super().__init__(model)
        self.decoder_name = name

    def call(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Float32 (captions,), of features and written captions, as Batch holds them."""
        features = self.model.encode(batch["features"])
        of_targets, _ = self.model.decoders[self.decoder_name].log_likelihood(
            features, batch["inputs"], batch["targets"]
        )
        return -ops.sum(of_targets * batch["mask"], axis=1)


class Evaluator:
    """One decoder's dev photos, collection by collection."""

    def __init__(
        self, model: CaptioningModel, name: str, lesson: Lesson, dev: Mapping[str, Corpus]
    ):
        """
        Args:
            model: in float32, as it will be served.
            dev: by the collection's name.
        """
        self.lesson, self.dev = lesson, dev
        captions, grounded = lesson.corpus.captions, lesson.config.grounded
        self.describer = Describer(
            model,
            name,
            lesson.vocabulary,
            lesson.config,
            repeatable_words(captions),
            class_bias(captions, lesson.corpus.language) if grounded else {},
        )
        self.entropy = Entropy(model, name)
        self.captions: dict[str, list[tuple[str, ...]]] = {}
        """Of each collection's photos, from the last evaluation."""

    def evaluate(self) -> Scores:
        """BLEU, ROUGE-L, CIDEr, perplexity and what captions are like, the means over collections;
        of several also each one's CIDEr by its name."""
        scores = {name: self._scores(name, corpus) for name, corpus in self.dev.items()}
        together = {
            metric: float(np.mean([of_one[metric] for of_one in scores.values()]))
            for metric in next(iter(scores.values()))
        }
        if len(scores) > 1:
            together |= {f"CIDEr/{name}": of_one["CIDEr"] for name, of_one in scores.items()}
        return together

    def _scores(self, name: str, corpus: Corpus) -> Scores:
        captions = self.captions[name] = self.describer.describe(corpus)
        words, references = [without_pauses(tokens) for tokens in captions], corpus.references
        return {
            "perplexity": self._perplexity(corpus),
            **score(words, references),
            "unsupported": Support(references).mean(words),
            "mean_length": float(np.mean([len(one) for one in words])),
            "distinct_captions": float(len(set(captions))),
        }

    def _perplexity(self, corpus: Corpus) -> float:
        """Of a word."""
        total, count = 0.0, 0.0
        name, dev = self.entropy.decoder_name, replace(self.lesson, corpus=corpus)
        batches = Batches({name: dev}, BATCH_SIZE, CAPTIONS_PER_PHOTO, 0, ONE_LENGTH)
        for batch in batches.epoch(0):
            captions = batch.captions[name]
            shown = {"features": batch.features, **captions}
            total += float(np.sum(self.entropy.predict_on_batch(shown)))
            count += float(captions["mask"].sum())
        return float(np.exp(total / count))
