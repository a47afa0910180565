"""The one loop: an epoch, an evaluation, what is best is kept; a killed training goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from training.decoders.building import copy_weights
from training.encoders.encoder import Tensor
from training.recipes import SelfCritical
from training.train import cuda_graphs
from training.train.distribution import arguments, is_chief, on_one_device, own_part, wait_for_all
from training.train.evaluator import Evaluator
from training.train.losses import Loss
from training.train.model import CaptioningModel, Computation
from training.train.optimizer import adam
from training.train.run_folder import BEFORE, LegRecord, Run, Scores, assign_weights, load_weights

JIT = keras.backend.backend() == "jax"
"""On a CPU TensorFlow is faster without XLA, which compiles each length of captions for long."""


class Objective(Computation):
    """A model with its loss, for Keras to minimise."""

    def __init__(self, model: CaptioningModel, loss: Loss):
        super().__init__(model)
        self.value_of = loss

    def call(self, shown: Mapping[str, Any], training: bool = False) -> Tensor:
        value = self.value_of(self.model, shown, training)
        self.add_loss(value)
        return value

    def train_on_batch(self, *given: Any) -> float:
        """Makes a step, and returns its loss."""
        if not cuda_graphs.records():
            self.reset_metrics()
            return float(super().train_on_batch(*given))
        value, gradients = self._gradients(given[0])
        self.optimizer.apply(gradients, self.trainable_variables)
        return float(value)

    @cached_property
    def _gradients(self) -> Any:
        return cuda_graphs.gradients(
            lambda shown: self.value_of(self.model, shown, True), self.trainable_variables
        )


class Trainer:
    """Trains one leg of a recipe."""

    def __init__(
        self,
        model: CaptioningModel,
        loss: Loss,
        run: Run,
        served: CaptioningModel,
        evaluators: Mapping[str, Evaluator],
    ):
        """
        Args:
            model: in the recipe's precision.
            served: the same in float32, which is evaluated and kept.
            evaluators: of each decoder that is trained.
        """
        self.model, self.loss, self.run = model, loss, run
        self.served, self.evaluators = served, evaluators
        model.train_only(tuple(evaluators), loss.stage.encoder)
        self.objective = Objective(model, loss)
        self.objective.compile(
            adam(
                loss.schedule(),
                run.recipe.clip_norm,
                model.encoder_variables(),
                loss.stage.encoder_rate,
            ),
            jit_compile=JIT,
        )
        self.sums: list[np.ndarray] = []
        """Of the weights after each of the epochs that are averaged."""

    def fit(self, record: LegRecord, state: Mapping[str, np.ndarray] | None) -> None:
        """Trains from where the record stands to the stage's last epoch.

        Args:
            state: of this leg, where it goes on.

        Raises:
            FloatingPointError: the loss is no longer a number.
        """
        self.objective.optimizer.build(self.objective.trainable_variables)
        if state:
            self._restore(state)
        else:
            assign_weights(self.model, load_weights(self.run.folder))
            if is_chief() and self._begins_from_checkpoint(record):
                self._consider(record, BEFORE, self._evaluate())
            self.run.save_state(self._state())
        while record.epochs_run < self.loss.stage.epochs:
            self._run_epoch(record)
        if self.loss.stage.averaged and record.epoch_kept != "mean" and is_chief():
            self._consider_mean(record)
        self.run.save_record()
        wait_for_all("end of a leg")

    def _run_epoch(self, record: LegRecord) -> None:
        epoch = record.epochs_run + 1
        losses = []
        title = f"{', '.join(self.evaluators)}, epoch {epoch}"
        shown = self.loss.epoch(record.epochs_run)
        for one in tqdm(shown, title, self.loss.steps, leave=False, disable=None):
            losses.append(self.objective.train_on_batch(*arguments(own_part(one))))
        mean = float(np.mean(losses))
        if not math.isfinite(mean):
            raise FloatingPointError("the loss is no longer a number; lower learning_rate")
        record.epochs_run = epoch
        if not is_chief():
            return
        if epoch > self.loss.stage.epochs - self.loss.stage.averaged:
            copy_weights(self.model, self.served)
            weights = self.served.get_weights()
            before = self.sums or [np.zeros_like(one) for one in weights]
            self.sums = [a + b for a, b in zip(before, weights, strict=True)]
        of_each = self.loss.figures()
        figures = {name: {"loss": mean, **of_each.get(name, {})} for name in self.evaluators}
        if epoch % self.loss.stage.evaluated_every and epoch < self.loss.stage.epochs:
            self._report(epoch, figures, {})
            return
        scores = self._evaluate()
        self._consider(record, epoch, scores)
        self.run.save_state(self._state())
        self._report(epoch, figures, scores)

    def _begins_from_checkpoint(self, record: LegRecord) -> bool:
        """Whether what is kept came with a checkpoint, and is to be scored before the first epoch.

        Not before a stage by likelihood, which lowers the score of decoders that were trained by
        the score: what comes after that stage could not begin from it.
        """
        came = set(record.decoders) & set(self.run.recipe.begin_with)
        by_score = isinstance(self.loss.stage, SelfCritical)
        return bool(came) and by_score and self._best(record) == -math.inf

    def _evaluate(self) -> dict[str, Scores]:
        copy_weights(self.model, self.served)
        return self._scores()

    def _scores(self) -> dict[str, Scores]:
        """Of the served model as it stands."""
        with on_one_device():
            return {name: evaluator.evaluate() for name, evaluator in self.evaluators.items()}

    def _best(self, record: LegRecord) -> float:
        """The value of what is kept, the sum over decoders; as low as can be where nothing is."""
        kept = [self.run.kept_scores(name) for name in record.decoders]
        return sum(self._value(scores) if scores else -math.inf for scores in kept)

    def _value(self, scores: Scores) -> float:
        """What an epoch is chosen by: CIDEr, less what the stage charges for unsupported words."""
        # Run folders of before it was counted have scores without it.
        return scores["CIDEr"] - 100 * self.loss.stage.charge * scores.get("unsupported", 0.0)

    def _consider(self, record: LegRecord, epoch: int | str, scores: dict[str, Scores]) -> None:
        """Keeps what was evaluated where it is better than what is kept."""
        if sum(map(self._value, scores.values())) > self._best(record):
            record.scores, record.epoch_kept = scores, epoch
            self.run.keep(self.served)

    def _consider_mean(self, record: LegRecord) -> None:
        count = min(self.loss.stage.averaged, record.epochs_run)
        self.served.set_weights([one / count for one in self.sums])
        scores = self._scores()
        self._consider(record, "mean", scores)
        self._report("mean", {}, scores)

    def _report(
        self, epoch: int | str, train: Mapping[str, dict[str, float]], scores: dict[str, Scores]
    ) -> None:
        nth = len(self.run.legs)
        for name in self.evaluators:
            figures = train.get(name, {})
            losses = ", ".join(f"{metric} {value:.3f}" for metric, value in figures.items())
            of_decoder = scores.get(name, {})
            line = ", ".join(f"{metric} {value:.2f}" for metric, value in of_decoder.items())
            print(f"{name}, leg {nth}, epoch {epoch}: {losses}; {line}".rstrip("; "), flush=True)
        if epoch == "mean" or not scores:
            return
        named = {
            name: {f"train/{metric}": value for metric, value in figures.items()}
            for name, figures in train.items()
        }
        self.run.log({"leg": nth, "epoch": epoch, "train": named, "dev": scores})
        for name, evaluator in self.evaluators.items():
            self.run.draw(name)
            collection, captions = next(iter(evaluator.captions.items()))
            self.run.write_samples(name, int(epoch), evaluator.dev[collection], captions)

    def _variables(self) -> dict[str, list[keras.Variable]]:
        # Not `weights`: the states of the dropouts' random generators belong here too.
        return {"model": self.model.variables, "optimizer": self.objective.optimizer.variables}

    def _state(self) -> dict[str, np.ndarray]:
        arrays = {
            f"{kind}_{nth}": variable.numpy()
            for kind, variables in self._variables().items()
            for nth, variable in enumerate(variables)
        }
        return arrays | {f"sums_{nth}": one for nth, one in enumerate(self.sums)}

    def _restore(self, state: Mapping[str, np.ndarray]) -> None:
        for kind, variables in self._variables().items():
            for nth, variable in enumerate(variables):
                variable.assign(state[f"{kind}_{nth}"].astype(keras_dtype(variable)))
        count = sum(name.startswith("sums_") for name in state)
        self.sums = [state[f"sums_{nth}"] for nth in range(count)]


def keras_dtype(variable: keras.Variable) -> np.dtype:
    """Backends keep the states of random generators as integers of different kinds."""
    return np.dtype(keras.backend.standardize_dtype(variable.dtype))
