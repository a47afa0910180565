"""Trains one decoder an epoch at a time, and measures it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from app.captioning.beam_search import beam_search
from app.captioning.captioner import caption_rules
from app.captioning.objects import words
from app.captioning.visual_words import VisualWords
from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus, mentioned
from training.decoders import Decoder
from training.decoders.building import DecoderShape, build_decoder, copy_weights, photos_to_adapt_to
from training.evaluation.metrics import score
from training.recipes import Recipe
from training.train.distributed import follow_chief, from_chief, spread_seeds
from training.train.maximum_likelihood import MaximumLikelihood, perplexity
from training.train.saving import save_arrays
from training.train.self_critical import SelfCritical


@dataclass
class Progress:
    """Where a training is, kept beside its weights."""

    epoch: int = 0
    best_epoch: int = 0
    best_cider: float = -math.inf


DESCRIBED_TOGETHER = 100


class Trainer:
    """One decoder, trained stage by stage as its recipe says."""

    def __init__(
        self,
        recipe: Recipe,
        vocabulary: Vocabulary,
        train: Corpus,
        dev: Corpus,
        embeddings: np.ndarray | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        """
        Args:
            embeddings: float32 (vocabulary, recipe.embedding) that the words begin with.
            strategy: of training.train.distributed; None for one device.
        """
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.vocabulary, self.dev = recipe, vocabulary, dev
        shape = DecoderShape.of(vocabulary, train.features)
        self.speaker = build_decoder(recipe, shape, "float32")
        self._begin(train, embeddings)
        policy = "mixed_bfloat16" if recipe.mixed_precision else "float32"
        self.strategy = strategy or tf.distribute.get_strategy()
        # The speaker stays out: the chief evaluates with it while the others wait.
        with self.strategy.scope():
            self.decoder = build_decoder(recipe, shape, policy)
            copy_weights(self.speaker, self.decoder)
            self._stages = self._make_stages(train)
        self.progress = Progress()
        self.candidates: list[tuple[str, ...]] = []

    def _begin(self, train: Corpus, embeddings: np.ndarray | None) -> None:
        """Gives the speaker what is known before the first epoch."""
        if train.features.tail:
            self.speaker.front.set_weights(train.features.tail)
        if embeddings is not None:
            self.speaker.word_embedding.set_weights([embeddings])
        self.speaker.learn_words(self.vocabulary, self.recipe.language)
        photos = photos_to_adapt_to(self.speaker, len(train.captions), self.recipe.seed)
        self.speaker.adapt(train.look(0, photos), mentioned(train, self.vocabulary)[photos])

    def _make_stages(self, train: Corpus) -> dict[str, MaximumLikelihood | SelfCritical]:
        recipe, decoder = self.recipe, self.decoder
        front = {id(variable) for variable in decoder.front.variables}
        everything = decoder.trainable_variables
        frozen = [variable for variable in everything if id(variable) not in front]
        rewarded = everything if recipe.fine_tuning.epochs else frozen
        return {
            "likelihood": MaximumLikelihood(
                recipe, recipe.likelihood, self.vocabulary, train, decoder, frozen
            ),
            "fine_tuning": MaximumLikelihood(
                recipe, recipe.fine_tuning, self.vocabulary, train, decoder, everything
            ),
            "self_critical": SelfCritical(recipe, self.vocabulary, train, decoder, rewarded),
        }

    def run_epoch(self) -> dict[str, float]:
        """Trains one epoch; the figures of its objective."""
        epoch = nth = self.progress.epoch
        for stage in self._stages.values():
            if nth < stage.stage.epochs:
                break
            nth -= stage.stage.epochs
        figures = stage.run_epoch(epoch, nth)
        self.progress.epoch += 1
        return figures

    def evaluate(self) -> dict[str, float]:
        """Dev perplexity and scores, by beam search as it is served, in float32; the captions said
        are then in self.candidates, photo by photo as in self.dev."""
        copy_weights(self.decoder, self.speaker)
        figures, self.candidates = measure(self.speaker, self.dev, self.vocabulary, self.recipe)
        return figures

    def save(self, path: Path) -> None:
        """Weights, optimizers and progress in one file that is never half written."""
        arrays = {
            f"{kind}_{index}": variable.numpy()
            for kind, variables in self._variables().items()
            for index, variable in enumerate(variables)
        }
        save_arrays(path, arrays | asdict(self.progress))

    def restore(self, path: Path) -> None:
        with np.load(path) as arrays:
            for kind, variables in self._variables().items():
                for index, variable in enumerate(variables):
                    variable.assign(arrays[f"{kind}_{index}"])
            self.progress = Progress(*(arrays[name].item() for name in asdict(self.progress)))

    def follow_chief(self) -> None:
        """Makes the training stand on all machines where it does on the chief."""
        for variables in self._variables().values():
            follow_chief(self.strategy, variables)
        weights = {id(variable) for variable in self.decoder.weights}
        seeds = [variable for variable in self.decoder.variables if id(variable) not in weights]
        spread_seeds(self.strategy, seeds)
        self.share_progress()

    def share_progress(self) -> None:
        """Takes over the chief's: it alone evaluates, and so knows which epoch is the best."""
        progress = np.array(astuple(self.progress))
        epoch, best_epoch, best_cider = from_chief(self.strategy, progress).tolist()
        self.progress = Progress(int(epoch), int(best_epoch), best_cider)

    def _variables(self) -> dict[str, list[Any]]:
        return {
            # Not `weights`: the states of the dropouts' random generators belong here too.
            "variables": self.decoder.variables,
            **{name: stage.optimizer.variables for name, stage in self._stages.items()},
        }


def measure(
    decoder: Decoder, corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe
) -> tuple[dict[str, float], list[tuple[str, ...]]]:
    """Perplexity and scores of a decoder, and the captions it said, photo by photo."""
    candidates = describe(decoder, corpus, vocabulary, recipe)
    figures = {
        "perplexity": perplexity(decoder, corpus, vocabulary, recipe),
        **score([list(words) for words in candidates], corpus.captions),
        "mean_length": float(np.mean([len(words) for words in candidates])),
        "distinct_captions": float(len(set(candidates))),
    }
    return figures, candidates


def describe(
    decoder: Decoder, corpus: Corpus, vocabulary: Vocabulary, recipe: Recipe
) -> list[tuple[str, ...]]:
    """The best caption of each photo of a corpus."""
    start = tf.function(decoder.start, reduce_retracing=True)

    @tf.function(reduce_retracing=True)
    def step(state, words, memory):
        # Rows of a state end with the number of their photo, whose memory they read.
        photos = tf.cast(state[:, -1], tf.int32)
        memory = None if memory is None else tf.gather(memory, photos)
        log_probabilities, following = decoder.step(state[:, :-1], words, memory)
        return log_probabilities, tf.concat([following, state[:, -1:]], axis=1)

    visual = visual_words(vocabulary, recipe.language) if recipe.grounded else None
    rules = caption_rules(vocabulary, recipe.max_words, recipe.length_penalty, recipe.style)
    captions = []
    for first in range(0, len(corpus.captions), DESCRIBED_TOGETHER):
        seen = corpus.look(0, slice(first, first + DESCRIBED_TOGETHER))
        state, memory = start(seen)
        numbers = np.arange(len(state), dtype=np.float32)[:, None]
        of_photos = [rules] * len(state)
        if visual:
            regions = np.asarray(decoder.front(seen).regions)
            of_photos = [visual.rules(rules, _classes(one)) for one in regions]

        def numpy_step(
            state: np.ndarray, last: np.ndarray, memory: Any = memory
        ) -> tuple[np.ndarray, np.ndarray]:
            log_probabilities, following = step(state, last, memory)
            return log_probabilities.numpy(), following.numpy()

        states = np.concatenate([state.numpy(), numbers], axis=1)
        found = beam_search(states, numpy_step, recipe.beam_width, of_photos)
        for (best, *_), how in zip(found, of_photos, strict=True):
            # Names of several words are one to the decoder, and several to those who score.
            words = vocabulary.decode(how.heard(best.words))
            captions.append(tuple(" ".join(words).split()))
    return captions


def _classes(regions: np.ndarray) -> list[int]:
    """Of a photo's regions, (REGIONS, ROW), as places in the list of classes."""
    classes = regions[:, -1].astype(int)
    return (classes[classes > 0] - 1).tolist()


def visual_words(
    vocabulary: Vocabulary, language: str, favours: Mapping[str, float] = MappingProxyType({})
) -> VisualWords:
    """All that objects.json lists.

    Args:
        favours: of training.decoders.taught; none while a decoder is trained.
    """
    return VisualWords.of(vocabulary, words(language), favours)
