"""Trains an encoder and decoders together by maximum likelihood: first the decoders, as many epochs
as their recipes' `likelihood` has, then all layers, as many as `fine_tuning` has.

All recipes have the same first two stages. Each step sums the losses of one batch of each decoder,
so that the encoder learns to see what every one of them needs, in both languages. Weights are
averaged over the last steps (Izmailov et al. 2018, here as an exponential mean). The epoch is kept
whose captions are the best on dev by the sum of the decoders' CIDEr; they are said greedily, for
beam search takes longer than the training.

Writes encoder.npz, RECIPE.npz and log.jsonl.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Batch, Corpus, batches, mentioned
from training.decoders import Decoder
from training.decoders.building import photos_to_adapt_to
from training.encoders import ENCODERS
from training.encoders.weights import write_weights
from training.end_to_end.model import Encoder, Speaker, save_decoder, trainable, words_said
from training.end_to_end.packed import Packed, load_encoder, load_packed, load_vocabulary
from training.evaluation.metrics import score
from training.recipes import Likelihood, Recipe, load_recipe
from training.train.schedule import learning_rate_schedule

AVERAGED = 0.25
"""The share of a stage's last steps that the mean of the weights is mostly of."""


@dataclass(frozen=True)
class Learner:
    """A decoder and what it learns from."""

    recipe: Recipe
    vocabulary: Vocabulary
    train: Corpus
    dev: Corpus
    decoder: Decoder

    @cached_property
    def words(self) -> int:
        """In the longest caption of a batch."""
        longest = max(len(words) for five in self.train.captions for words in five)
        return min(self.recipe.max_words, longest)

    @property
    def first(self) -> int:
        """The word that the captions spoken begin with, unseen."""
        return self.vocabulary.encode([self.recipe.style])[0]

    @cached_property
    def speaker(self) -> Speaker:
        """Says what it finds likeliest."""
        return Speaker(self.decoder, self.first, self.words)

    def batches(self) -> Iterator[Batch]:
        """Without end; all of one shape, for each new one costs a new graph.

        Raises:
            ValueError: there are not enough photos for one.
        """
        if len(self.train.captions) < self.recipe.photos:
            raise ValueError(f"there are fewer than {self.recipe.photos} photos to learn from")
        for epoch in count():
            for batch in batches(self.train, self.vocabulary, self.recipe, epoch):
                if len(batch.features) == self.recipe.photos:
                    yield lengthened(batch, self.words + 1)


class Together(keras.Model):
    """How unlikely decoders that share an encoder find captions of their photos."""

    def __init__(self, encoder: keras.Model, decoders: Sequence[Decoder], smoothing: float):
        super().__init__()
        self.encoder, self.decoders, self.smoothing = encoder, list(decoders), smoothing

    def call(self, shown: Sequence[tuple[Any, ...]], training: bool = False) -> Any:
        """
        Args:
            shown: what a Batch has, for each decoder.

        Returns:
            float32 (decoders,), nats a word.
        """
        ops = keras.ops
        losses = []
        for decoder, (photos, inputs, targets, mask) in zip(self.decoders, shown, strict=True):
            features = self.encoder(photos, training=training)["features"]
            said, others = decoder.log_likelihood(features, inputs, targets, training=training)
            entropy = -((1 - self.smoothing) * said + self.smoothing * others)
            losses.append(ops.sum(entropy * mask) / ops.sum(mask))
        self.add_loss(sum(losses))
        return ops.stack(losses)


def train(packed: Path, encoder: str, recipes: Sequence[str], out: Path, views: int) -> None:
    """
    Args:
        views: of each photo, as training.data.augmentation has them; each batch chooses among them.

    Raises:
        FileNotFoundError: there is no pack.
        ValueError: the encoder or a recipe cannot be trained so, or there is no such recipe.
    """
    asked = [load_recipe(name) for name in recipes]
    _check(asked)
    keras.utils.set_random_seed(asked[0].seed)
    seen = Encoder(encoder, load_encoder(packed))
    split, dev = load_packed(packed, "train", views), load_packed(packed, "dev", 1)
    learners = [_learner(recipe, packed, split, dev, seen) for recipe in asked]
    out.mkdir(parents=True, exist_ok=True)
    first = asked[0]
    best = -math.inf
    for stage, whole in ((first.likelihood, False), (first.fine_tuning, True)):
        if not stage.epochs:
            continue
        model = _compiled(seen, learners, stage, whole)
        shown = zip(*(learner.batches() for learner in learners), strict=True)
        for epoch in range(stage.epochs):
            loss = _epoch(model, shown, _steps(learners))
            going_on = _average(model)
            features = seen.encode(dev.photos[0])
            scores = [greedy_scores(learner, features) for learner in learners]
            together = sum(one["CIDEr"] for one in scores)
            _log(out, {"whole": whole, "epoch": epoch + 1, "loss": loss, "dev": scores})
            if together > best:
                best = together
                write_weights(out / "encoder.npz", seen.weights())
                for name, learner, one in zip(recipes, learners, scores, strict=True):
                    save_decoder(out / f"{name}.npz", learner.decoder, one)
            model.set_weights(going_on)


def _check(recipes: Sequence[Recipe]) -> None:
    """Raises ValueError where recipes ask for what this training does not do."""
    first = recipes[0]
    for one in recipes:
        if (one.likelihood, one.fine_tuning) != (first.likelihood, first.fine_tuning):
            raise ValueError("recipes that are trained together have the same first two stages")
        sampled = one.likelihood.scheduled_sampling or one.fine_tuning.scheduled_sampling
        if sampled or one.grounded or one.translated_style:
            raise ValueError(
                "there is neither scheduled sampling end to end, nor words that point, nor a style "
                "of translations"
            )


def _learner(recipe: Recipe, packed: Path, train: Packed, dev: Packed, encoder: Encoder) -> Learner:
    vocabulary = load_vocabulary(packed, recipe)
    corpus = train.corpus(recipe.language)
    decoder = encoder.decoder(recipe, vocabulary)
    photos = photos_to_adapt_to(decoder, len(corpus.captions), recipe.seed)
    features = encoder.encode(train.photos[0][corpus.rows[photos]])
    decoder.adapt(features.astype(np.float32), mentioned(corpus, vocabulary)[photos])
    return Learner(recipe, vocabulary, corpus, dev.corpus(recipe.language), decoder)


def _steps(learners: Sequence[Learner]) -> int:
    """In an epoch: that of the decoder with the most photos."""
    return max(len(one.train.captions) // one.recipe.photos for one in learners)


def _compiled(
    encoder: Encoder, learners: Sequence[Learner], stage: Likelihood, whole: bool
) -> Together:
    """Ready to train all layers, or all but the encoder's."""
    trainable([encoder.model, encoder.front], whole)
    model = Together(encoder.model, [one.decoder for one in learners], stage.label_smoothing)
    steps = _steps(learners)
    model.compile(
        keras.optimizers.Adam(
            learning_rate_schedule(stage, steps),
            global_clipnorm=learners[0].recipe.clip_norm,
            use_ema=True,
            ema_momentum=max(0.0, 1 - 1 / (AVERAGED * steps * stage.epochs)),
        )
    )
    return model


def _epoch(model: Together, shown: Iterator[tuple[Batch, ...]], steps: int) -> float:
    """The mean loss."""
    model.reset_metrics()
    for _ in tqdm(range(steps), leave=False, disable=None):
        mean = model.train_on_batch(tuple(astuple(one) for one in next(shown)))
    if not np.isfinite(mean):
        raise FloatingPointError("the loss is no longer a number; lower learning_rate")
    return float(mean)


def _average(model: Together) -> list[np.ndarray]:
    """Gives the model the mean of its weights; those it had, to go on from."""
    weights = model.get_weights()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # JAX now has the mean and the weights in one place, and gives it away at the next step.
    model.set_weights(model.get_weights())
    return weights


def greedy_scores(learner: Learner, features: np.ndarray) -> dict[str, float]:
    """Of what a decoder says greedily of all dev photos, as Encoder.encode() gives them."""
    seen = features[learner.dev.rows].astype(np.float32)
    said = learner.speaker.predict(seen, batch_size=100, verbose=0)
    return score(words_said(said, learner.vocabulary), learner.dev.captions)


def lengthened(batch: Batch, time: int) -> Batch:
    """The batch made longer with words that count for nothing, or rid of such."""
    missing = ((0, 0), (0, max(0, time - batch.mask.shape[1])))
    inputs, targets, mask = (
        np.pad(one, missing)[:, :time] for one in (batch.inputs, batch.targets, batch.mask)
    )
    return Batch(batch.features, inputs, targets, mask)


def _log(out: Path, figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(figures) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--encoder", choices=ENCODERS, required=True)
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=6)
    try:
        train(**vars(parser.parse_args()))
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
