"""Trains a decoder by the score itself, as training.train.self_critical does, on a tuned encoder.

The whole encoder, its tail too, stays as it is, so its features are computed once. Reads
encoder.npz and RECIPE.npz, from training.end_to_end.hand_over or training.end_to_end.likelihood,
and writes RECIPE.npz anew where the captions have become better on dev, said greedily.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from training.data.corpus import Batch
from training.decoders import Decoder
from training.encoders import ENCODERS
from training.end_to_end.likelihood import Learner, greedy_scores
from training.end_to_end.model import (
    Encoder,
    Speaker,
    load_decoder,
    save_decoder,
    trainable,
)
from training.end_to_end.packed import load_encoder, load_packed, load_vocabulary
from training.recipes import SelfCritical, load_recipe
from training.train.rewards import Rewards, advantages, until_end


class Rewarded(keras.Model):
    """How unlikely a decoder finds captions it said, weighted by how good they were, and, beside
    them, captions that people wrote."""

    def __init__(self, decoder: Decoder, stage: SelfCritical):
        super().__init__()
        self.decoder, self.stage = decoder, stage

    def call(self, shown: tuple[tuple[Any, ...], ...], training: bool = False) -> Any:
        """Reinforcement alone, of what two Batches have: spoken, whose mask holds the weights of
        words, and written."""
        ops = keras.ops
        (features, inputs, targets, weights), written = shown
        dropping = training and self.stage.dropout
        logits = ops.cast(self.decoder(features, inputs, training=dropping), "float32")
        logits /= self.stage.temperature
        chosen = ops.take_along_axis(ops.log_softmax(logits), targets[..., None], axis=-1)[..., 0]
        reinforcement = -ops.sum(chosen * weights)
        features, inputs, targets, mask = written
        said, _ = self.decoder.log_likelihood(features, inputs, targets, training=dropping)
        likelihood = -ops.sum(said * mask) / ops.sum(mask)
        self.add_loss(reinforcement + self.stage.likelihood * likelihood)
        return reinforcement


class Scored:
    """One decoder's training by the score."""

    def __init__(self, learner: Learner):
        self.learner, self.stage = learner, learner.recipe.self_critical
        captions = learner.train.captions
        self.rewards = Rewards(captions, learner.vocabulary)
        self.speaker = Speaker(
            learner.decoder,
            learner.first,
            self.stage.words,
            self.stage.samples,
            self.stage.temperature,
        )
        self.steps = len(captions) // self.stage.photos
        if not self.steps:
            raise ValueError(f"there are fewer than {self.stage.photos} photos to learn from")
        self.model = Rewarded(learner.decoder, self.stage)
        rate = keras.optimizers.schedules.CosineDecay(
            self.stage.learning_rate, self.steps * self.stage.epochs, alpha=0.1
        )
        self.model.compile(keras.optimizers.Adam(rate, global_clipnorm=learner.recipe.clip_norm))
        self.written = learner.batches()
        self.random = np.random.default_rng(learner.recipe.seed)

    def run_epoch(self) -> float:
        """The mean reward, CIDEr-D in percent."""
        order = self.random.permutation(len(self.learner.train.captions))
        groups = order[: self.steps * self.stage.photos].reshape(self.steps, -1)
        return float(np.mean([self._learn(photos) for photos in tqdm(groups, disable=None)]))

    def _learn(self, photos: np.ndarray) -> float:
        corpus = self.learner.train
        views = self.random.integers(len(corpus.features.values), size=len(photos))
        features = corpus.look(views, photos)
        said = np.asarray(self.speaker.predict_on_batch(features))
        mask = until_end(said, self.learner.vocabulary.end)
        rewards = self.rewards.of(photos, said, mask)
        inputs = np.pad(said[:, :-1], ((0, 0), (1, 0)), constant_values=self.learner.first)
        spoken = Batch(features, inputs, said, mask * advantages(rewards) / mask.sum())
        self.model.train_on_batch((astuple(spoken), astuple(next(self.written))))
        return float(rewards.mean())


def train(packed: Path, encoder: str, recipe: str, out: Path, views: int) -> None:
    """
    Args:
        out: the folder that training.end_to_end.likelihood or hand_over wrote.
        views: of each photo, among which each batch chooses.

    Raises:
        FileNotFoundError: there is no pack, or no such training.
        ValueError: there is no such recipe, or it has no self-critical stage.
    """
    asked = load_recipe(recipe)
    if not asked.self_critical.epochs:
        raise ValueError(f"the recipe {recipe} has no self-critical stage")
    keras.utils.set_random_seed(asked.seed)
    seen = Encoder(encoder, load_encoder(out))
    vocabulary = load_vocabulary(packed, asked)
    decoder = seen.decoder(asked, vocabulary)
    load_decoder(out / f"{recipe}.npz", decoder)
    trainable([seen.front], False)
    splits = load_packed(packed, "train", views), load_packed(packed, "dev", 1)
    corpus, dev = (
        split.corpus(asked.language, np.stack([seen.encode(one) for one in split.photos]))
        for split in splits
    )
    learner = Learner(asked, vocabulary, corpus, dev, decoder)
    training = Scored(learner)
    scores = greedy_scores(learner, dev.features.values[0])
    _report(recipe, 0, 0.0, scores)
    best = scores["CIDEr"]
    for epoch in range(1, asked.self_critical.epochs + 1):
        reward = training.run_epoch()
        scores = greedy_scores(learner, dev.features.values[0])
        _report(recipe, epoch, reward, scores)
        if scores["CIDEr"] > best:
            best = scores["CIDEr"]
            save_decoder(out / f"{recipe}.npz", decoder, scores)


def _report(recipe: str, epoch: int, reward: float, scores: dict[str, float]) -> None:
    figures = {"recipe": recipe, "epoch": epoch, "reward": reward, "dev": scores}
    print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--encoder", choices=ENCODERS, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=4)
    try:
        train(**vars(parser.parse_args()))
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
