"""The objectives of training: the likelihood of what people wrote, and the score itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from training.data.corpus import Batches, Lesson, ahead, padded, padded_length
from training.decoders import Decoder
from training.encoders.encoder import Tensor
from training.recipes import MaximumLikelihood, SelfCritical, Stage
from training.train.distribution import check_batch_size, process_count
from training.train.model import CaptioningModel
from training.train.rewards import Rewards, advantages, until_end
from training.train.sampling import Encode, Sampler

ONE_LENGTH = keras.backend.backend() != "tensorflow"
"""Whether all captions are as long as the longest may be: XLA compiles each length anew, and CUDA
graphs record it anew."""
WARM_UP = 0.05
"""Share of the steps of maximum likelihood in which the learning rate rises."""
LABEL_SMOOTHING = 0.1
"""Szegedy et al. 2016, section 7."""

Shown = dict[str, Any]
"""What a step is shown: "features" by name, and by decoder "captions" that people wrote or, where
the score teaches, "sampled" and "written" ones, each with "inputs", "targets" and "mask" as Batch
has them."""


class Loss(Protocol):
    """What a stage of a recipe minimises."""

    steps: int
    """Of an epoch."""

    @property
    def stage(self) -> Stage:
        """That of the recipe."""

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """The learning rate over all steps of the stage."""

    def epoch(self, epoch: int) -> Iterator[Shown]:
        """What the steps of an epoch are shown."""

    def __call__(self, model: CaptioningModel, shown: Mapping[str, Any], training: bool) -> Tensor:
        """The loss of a step, a scalar."""

    def figures(self) -> dict[str, dict[str, float]]:
        """What there is to say of the epoch besides its mean loss, by decoder."""


class MaximumLikelihoodLoss:
    """Cross-entropy with label smoothing and dropout (Vinyals et al. 2015). Decoders that share an
    encoder see the same photos, and add up their losses."""

    def __init__(self, stage: MaximumLikelihood, lessons: Mapping[str, Lesson], seed: int):
        check_batch_size(stage.batch_size)
        self.stage = stage
        self.batches = Batches(
            lessons, stage.batch_size, stage.captions_per_photo, seed, ONE_LENGTH
        )
        self.steps = len(self.batches)

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        steps = self.steps * self.stage.epochs
        warm_up = round(WARM_UP * steps)
        return keras.optimizers.schedules.CosineDecay(
            0.0,
            max(1, steps - warm_up),
            alpha=0.01,
            warmup_target=self.stage.learning_rate,
            warmup_steps=warm_up,
        )

    def epoch(self, epoch: int) -> Iterator[Shown]:
        for batch in self.batches.epoch(epoch):
            yield vars(batch)

    def __call__(self, model: CaptioningModel, shown: Mapping[str, Any], training: bool) -> Tensor:
        features = model.encode(shown["features"], training)
        return sum(
            cross_entropy(model.decoders[name], features, captions, LABEL_SMOOTHING, training)
            for name, captions in shown["captions"].items()
        )

    def figures(self) -> dict[str, dict[str, float]]:
        return {}


class SelfCriticalLoss:
    """Policy gradient on CIDEr-D against the training captions (Rennie et al. 2017, self-critical
    sequence training), less what the stage charges for words that none of them has.

    Several captions of a photo are sampled; those that score better than the others become
    more likely. The others' mean is the baseline (Luo 2020, "A better variant of
    self-critical sequence training"). Some maximum likelihood stays in the objective (as Paulus et
    al. 2018 mix the two, section 3.3): without it captions become short, and alike for many photos.
    They are sampled at a temperature below 1: at 1 most samples are so bad that all that is
    learned at first is caution. Dropout stays on.
    """

    def __init__(
        self,
        stage: SelfCritical,
        lessons: Mapping[str, Lesson],
        seed: int,
        model: CaptioningModel,
    ):
        """
        Args:
            model: the one that is trained, for it samples.

        Raises:
            ValueError: there are several processes, which cannot sample together.
        """
        if process_count() > 1:
            raise ValueError("self-critical training runs in one process, on all of its devices")
        check_batch_size(stage.batch_size)
        check_batch_size(stage.likelihood_batch_size)
        self.stage, self.lessons, self.seed = stage, lessons, seed
        self.photos = Batches(lessons, stage.batch_size, stage.captions_per_photo, seed, ONE_LENGTH)
        self.rewards = {
            name: Rewards(lesson.corpus.captions, lesson.vocabulary, stage.charge)
            for name, lesson in lessons.items()
        }
        self.encode = Encode(model)
        self.samplers = {
            name: Sampler(model, name, lesson.vocabulary.end, stage.temperature)
            for name, lesson in lessons.items()
        }
        self.starts = {name: self._starts(name) for name in lessons}
        self.steps = len(self.photos)
        self._epoch_rewards: dict[str, list[float]] = {}

    def _starts(self, name: str) -> np.ndarray:
        """What captions of each photo begin with, int32 (photos,)."""
        lesson, rows = self.lessons[name], self.photos.rows[name]
        starts = [*lesson.corpus.starts(lesson.config), lesson.config.start]
        return np.array(lesson.vocabulary.encode(starts), np.int32)[rows]

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        steps = self.steps * self.stage.epochs
        return keras.optimizers.schedules.CosineDecay(self.stage.learning_rate, steps, alpha=0.1)

    def epoch(self, epoch: int) -> Iterator[Shown]:
        self._epoch_rewards = {name: [] for name in self.lessons}
        random = np.random.default_rng([self.seed, epoch, 1])
        drawn = self.photos.draw(random)
        for photos, features in ahead(self._look(epoch)):
            seen = self.encode.predict_on_batch(features)
            written = photos[: self.stage.likelihood_batch_size]
            yield {
                "features": features,
                "sampled": {name: self._sample(name, photos, seen, random) for name in drawn},
                "written": {
                    name: padded([of_each[photo] for photo in written], self.photos.length(name))
                    for name, of_each in drawn.items()
                },
            }

    def _look(self, epoch: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """The photos of each step, and features of an augmentation of each."""
        random = np.random.default_rng([self.seed, epoch])
        size = self.stage.batch_size
        order = np.resize(random.permutation(len(self.photos.places)), self.steps * size)
        for photos in order.reshape(-1, size):
            augmentations = random.integers(self.photos.augmentations, size=size)
            yield photos, self.photos.look(photos, augmentations)

    def _sample(
        self,
        name: str,
        photos: np.ndarray,
        seen: Mapping[str, np.ndarray],
        random: np.random.Generator,
    ) -> dict[str, Any]:
        """Captions sampled of these photos; the mask is how much better they are than others."""
        lesson, stage = self.lessons[name], self.stage
        starts = self.starts[name][photos]
        chances = random.random((len(photos), stage.samples, stage.max_length + 1), np.float32)
        sampled = self.samplers[name].predict_on_batch(
            {"features": seen, "starts": starts, "chances": chances}
        )
        tokens, words = np.asarray(sampled["tokens"]), np.asarray(sampled["words"])
        mask = until_end(tokens, lesson.vocabulary.end)
        rows = self.photos.rows[name][photos]
        rewards = self.rewards[name].of(rows, words, mask)
        described = rows >= 0
        mask *= np.repeat(described, stage.samples)[:, None]
        if described.any():
            self._epoch_rewards[name].append(float(rewards[described].mean()))
        inputs = np.concatenate([np.repeat(starts, stage.samples)[:, None], words[:, :-1]], axis=1)
        longest = max(1, int(mask.sum(axis=1).max()))
        time = tokens.shape[1] if ONE_LENGTH else padded_length(longest)
        missing = ((0, 0), (0, max(0, time - tokens.shape[1])))
        weights = mask * advantages(rewards) / max(1.0, mask.sum())
        return {
            "inputs": np.pad(inputs, missing)[:, :time],
            "targets": np.pad(tokens, missing)[:, :time],
            "mask": np.pad(weights, missing)[:, :time].astype(np.float32),
        }

    def __call__(self, model: CaptioningModel, shown: Mapping[str, Any], training: bool) -> Tensor:
        features = model.encode(shown["features"], training)
        first = {
            name: values[: self.stage.likelihood_batch_size] for name, values in features.items()
        }
        return sum(
            self._reinforcement(decoder, features, shown["sampled"][name], training)
            + self.stage.likelihood_weight
            * cross_entropy(decoder, first, shown["written"][name], 0.0, training)
            for name, decoder in model.decoders.items()
            if name in self.lessons
        )

    def _reinforcement(
        self,
        decoder: Decoder,
        features: Mapping[str, Tensor],
        sampled: Mapping[str, Any],
        training: bool,
    ) -> Tensor:
        logits = decoder(features, sampled["inputs"], training=training)
        logits = ops.cast(logits, "float32") / self.stage.temperature
        targets = sampled["targets"][..., None]
        chosen = ops.take_along_axis(ops.log_softmax(logits), targets, axis=-1)[..., 0]
        return -ops.sum(chosen * sampled["mask"])

    def figures(self) -> dict[str, dict[str, float]]:
        """The mean reward of each decoder's captions, CIDEr-D less the charge, in percent."""
        return {
            name: {"reward": float(np.mean(of))} for name, of in self._epoch_rewards.items() if of
        }


def cross_entropy(
    decoder: Decoder,
    features: Mapping[str, Tensor],
    captions: Mapping[str, Any],
    smoothing: float,
    training: bool,
) -> Tensor:
    """Of a decoder on written captions, as Batch holds them, in nats a word."""
    of_targets, of_all = decoder.log_likelihood(
        features, captions["inputs"], captions["targets"], training=training
    )
    entropy = -((1 - smoothing) * of_targets + smoothing * of_all)
    words = ops.sum(captions["mask"])
    return ops.sum(entropy * captions["mask"]) / (words + ops.cast(words == 0, words.dtype))


def make_loss(
    stage: Stage, lessons: Mapping[str, Lesson], seed: int, model: CaptioningModel
) -> Loss:
    if isinstance(stage, MaximumLikelihood):
        return MaximumLikelihoodLoss(stage, lessons, seed)
    return SelfCriticalLoss(stage, lessons, seed, model)
