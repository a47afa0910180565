"""The objectives of training: the likelihood of what people wrote, and the score itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Batches, Corpus, padded_length
from training.encoders.encoder import Tensor
from training.recipes import LanguageConfig, MaximumLikelihood, SelfCritical, Stage
from training.train.distribution import check_batch_size, process_count
from training.train.model import CaptioningModel
from training.train.rewards import Rewards, advantages, until_end
from training.train.sampling import Sampler

WARM_UP = 0.05
"""Share of the steps of maximum likelihood in which the learning rate rises."""
LABEL_SMOOTHING = 0.1
"""Szegedy et al. 2016, section 7."""

Shown = dict[str, Any]
"""What a step is shown, by decoder: arrays of one size in every step."""


@dataclass(frozen=True)
class Lesson:
    """What one decoder learns from."""

    corpus: Corpus
    vocabulary: Vocabulary
    config: LanguageConfig

    def batches(self, batch_size: int, captions_per_photo: int, seed: int) -> Batches:
        """Its written captions, none longer than those that are decoded."""
        return Batches(
            self.corpus,
            self.vocabulary,
            self.config,
            batch_size,
            captions_per_photo,
            self.config.max_length,
            seed,
        )


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

    def figures(self) -> dict[str, float]:
        """What there is to say of the epoch besides its mean loss."""


class MaximumLikelihoodLoss:
    """Cross-entropy with label smoothing and dropout (Vinyals et al. 2015). Decoders that share an
    encoder add up their losses of a batch each; an epoch is that of the one with the most photos.
    """

    def __init__(self, stage: MaximumLikelihood, lessons: Mapping[str, Lesson], seed: int):
        check_batch_size(stage.batch_size)
        self.stage = stage
        self.batches = {
            name: lesson.batches(stage.batch_size, stage.captions_per_photo, seed)
            for name, lesson in lessons.items()
        }
        self.steps = max(map(len, self.batches.values()))

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
        sources = {
            name: without_end(batches, epoch, self.steps) for name, batches in self.batches.items()
        }
        for _ in range(self.steps):
            yield {name: asdict(next(source)) for name, source in sources.items()}

    def __call__(self, model: CaptioningModel, shown: Mapping[str, Any], training: bool) -> Tensor:
        return sum(
            cross_entropy(model, name, batch, LABEL_SMOOTHING, training)
            for name, batch in shown.items()
        )

    def figures(self) -> dict[str, float]:
        return {}


class SelfCriticalLoss:
    """Policy gradient on CIDEr-D against the training captions (Rennie et al. 2017, self-critical
    sequence training).

    Several captions of a photo are sampled; those that CIDEr-D likes better than the others become
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
        self.rewards = {
            name: Rewards(lesson.corpus.captions, lesson.vocabulary)
            for name, lesson in lessons.items()
        }
        self.samplers = {
            name: Sampler(model, name, lesson.vocabulary.end, stage.temperature)
            for name, lesson in lessons.items()
        }
        self.starts = {
            name: np.array(lesson.vocabulary.encode(lesson.corpus.starts(lesson.config)), np.int32)
            for name, lesson in lessons.items()
        }
        self.written = {
            name: lesson.batches(stage.likelihood_batch_size, stage.captions_per_photo, seed)
            for name, lesson in lessons.items()
        }
        photos = max(len(lesson.corpus) for lesson in lessons.values())
        self.steps = -(-photos // stage.batch_size)
        self._epoch_rewards: list[float] = []

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        steps = self.steps * self.stage.epochs
        return keras.optimizers.schedules.CosineDecay(self.stage.learning_rate, steps, alpha=0.1)

    def epoch(self, epoch: int) -> Iterator[Shown]:
        self._epoch_rewards = []
        random = np.random.default_rng([self.seed, epoch])
        orders = {
            name: np.resize(
                random.permutation(len(lesson.corpus)), self.steps * self.stage.batch_size
            )
            for name, lesson in self.lessons.items()
        }
        written = {
            name: without_end(batches, epoch, self.steps) for name, batches in self.written.items()
        }
        for step in range(self.steps):
            photos = slice(step * self.stage.batch_size, (step + 1) * self.stage.batch_size)
            yield {
                name: {
                    "sampled": self._sample(name, order[photos], random),
                    "written": asdict(next(written[name])),
                }
                for name, order in orders.items()
            }

    def _sample(self, name: str, photos: np.ndarray, random: np.random.Generator) -> dict[str, Any]:
        """Captions sampled of these photos; the mask is how much better they are than others."""
        lesson, stage = self.lessons[name], self.stage
        augmentations = random.integers(lesson.corpus.augmentations, size=len(photos))
        features = lesson.corpus.look(photos, augmentations)
        starts = self.starts[name][photos]
        chances = random.random((len(photos), stage.samples, stage.max_length + 1), np.float32)
        sampled = self.samplers[name].predict_on_batch(
            features | {"starts": starts, "chances": chances}
        )
        tokens, words = np.asarray(sampled["tokens"]), np.asarray(sampled["words"])
        mask = until_end(tokens, lesson.vocabulary.end)
        rewards = self.rewards[name].of(photos, words, mask)
        self._epoch_rewards.append(float(rewards.mean()))
        inputs = np.concatenate([np.repeat(starts, stage.samples)[:, None], words[:, :-1]], axis=1)
        time = padded_length(int(mask.sum(axis=1).max()))
        missing = ((0, 0), (0, max(0, time - tokens.shape[1])))
        weights = mask * advantages(rewards) / mask.sum()
        return {
            "features": features,
            "inputs": np.pad(inputs, missing)[:, :time],
            "targets": np.pad(tokens, missing)[:, :time],
            "mask": np.pad(weights, missing)[:, :time].astype(np.float32),
        }

    def __call__(self, model: CaptioningModel, shown: Mapping[str, Any], training: bool) -> Tensor:
        return sum(
            self._reinforcement(model, name, batches["sampled"], training)
            + self.stage.likelihood_weight
            * cross_entropy(model, name, batches["written"], 0.0, training)
            for name, batches in shown.items()
        )

    def _reinforcement(
        self, model: CaptioningModel, name: str, sampled: Mapping[str, Any], training: bool
    ) -> Tensor:
        features = model.encode(sampled["features"], training)
        logits = model.decoders[name](features, sampled["inputs"], training=training)
        logits = ops.cast(logits, "float32") / self.stage.temperature
        targets = sampled["targets"][..., None]
        chosen = ops.take_along_axis(ops.log_softmax(logits), targets, axis=-1)[..., 0]
        return -ops.sum(chosen * sampled["mask"])

    def figures(self) -> dict[str, float]:
        """The mean reward, CIDEr-D in percent."""
        return {"reward": float(np.mean(self._epoch_rewards))}


def cross_entropy(
    model: CaptioningModel, name: str, batch: Mapping[str, Any], smoothing: float, training: bool
) -> Tensor:
    """Of a decoder on written captions, in nats a word."""
    features = model.encode(batch["features"], training)
    of_targets, of_all = model.decoders[name].log_likelihood(
        features, batch["inputs"], batch["targets"], training=training
    )
    entropy = -((1 - smoothing) * of_targets + smoothing * of_all)
    return ops.sum(entropy * batch["mask"]) / ops.sum(batch["mask"])


def without_end(batches: Batches, epoch: int, steps: int) -> Iterator[Any]:
    """As many batches as an epoch of so many steps needs: one that has fewer goes through its
    photos again, in another order."""
    rounds = -(-steps // len(batches))
    for nth in range(epoch * rounds, (epoch + 1) * rounds):
        yield from batches.epoch(nth)


def make_loss(
    stage: Stage, lessons: Mapping[str, Lesson], seed: int, model: CaptioningModel
) -> Loss:
    if isinstance(stage, MaximumLikelihood):
        return MaximumLikelihoodLoss(stage, lessons, seed)
    return SelfCriticalLoss(stage, lessons, seed, model)
