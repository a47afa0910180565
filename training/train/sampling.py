"""Captions of a decoder: the best by beam search, as it is served, or sampled at random."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from keras import ops

from app.captioning.beam_search import Rules, beam_search
from app.captioning.captioner import BEAM_WIDTH, caption_rules
from app.captioning.objects import words as words_of_classes
from app.captioning.visual_words import VisualWords
from app.captioning.vocabulary import Vocabulary
from training.data.corpus import Corpus
from training.decoders.layers import repeat
from training.encoders.encoder import Tensor
from training.recipes import LanguageConfig
from training.train import cuda_graphs
from training.train.model import CaptioningModel, Computation

PHOTOS_AT_ONCE = 100


class Start(Computation):
    """From a photo's features to what beam search begins with."""

    def __init__(self, model: CaptioningModel, name: str):
        super().__init__(model)
        self.decoder_name = name

    def call(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state, (photos, n), the memory where there is one, and regions where there are."""
        seen = self.model.encode(features)
        state, memory = self.model.decoders[self.decoder_name].start(seen)
        given = {"state": state, "memory": memory, "regions": seen.get("regions")}
        return {name: value for name, value in given.items() if value is not None}


class Step(Computation):
    """One token further, for any hypotheses of any photos."""

    def __init__(self, model: CaptioningModel, name: str):
        super().__init__(model)
        self.decoder_name = name

    def call(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """
        Args:
            given: "state" and "tokens" (rows, …), "photos" int (rows,), and "memory" (photos, …).
        """
        memory = given.get("memory")
        if memory is not None:
            memory = ops.take(memory, given["photos"], axis=0)
        decoder = self.model.decoders[self.decoder_name]
        log_probabilities, state = decoder.step(given["state"], given["tokens"], memory)
        return {"log_probabilities": log_probabilities, "state": state}


class Describer:
    """Describes photos by beam search."""

    def __init__(
        self,
        model: CaptioningModel,
        name: str,
        vocabulary: Vocabulary,
        config: LanguageConfig,
        repeatable: Iterable[str],
        logit_bias: Mapping[str, float] = MappingProxyType({}),
    ):
        """
        Args:
            repeatable: words that may come twice in a caption.
            logit_bias: of classes that words point at, as VisualWords has it.
        """
        self.logit_bias = logit_bias
        self.start, self.step = Start(model, name), Step(model, name)
        self.vocabulary, self.config, self.repeatable = vocabulary, config, repeatable

    def describe(self, corpus: Corpus) -> list[tuple[str, ...]]:
        """The words of the best caption of each photo, in the style of its collection."""
        captions: list[tuple[str, ...]] = []
        starts = corpus.starts(self.config)
        for first in range(0, len(corpus), PHOTOS_AT_ONCE):
            photos = np.arange(first, min(first + PHOTOS_AT_ONCE, len(corpus)))
            captions += self._describe(corpus, photos, starts[first : first + PHOTOS_AT_ONCE])
        return captions

    def _describe(
        self, corpus: Corpus, photos: np.ndarray, starts: Sequence[str]
    ) -> list[tuple[str, ...]]:
        # Always of one shape, for each new one costs a new graph.
        padded = np.pad(photos, (0, PHOTOS_AT_ONCE - len(photos)), mode="edge")
        started = self.start.predict_on_batch(corpus.look(padded))
        state, count = started["state"], len(photos)
        rules = self._rules(corpus.language, started.get("regions"), starts)
        memory = {name: started[name] for name in ("memory",) if name in started}
        rows = PHOTOS_AT_ONCE * BEAM_WIDTH

        def step(states: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            # Rows of a state end with the number of their photo, whose memory they read.
            given = {
                "state": _lengthened(states[:, :-1], rows),
                "tokens": _lengthened(tokens, rows),
                "photos": _lengthened(states[:, -1].astype(np.int32), rows),
            }
            after = self.step.predict_on_batch(given | memory)
            following = np.concatenate([after["state"][: len(states)], states[:, -1:]], axis=1)
            return after["log_probabilities"][: len(states)], following

        numbers = np.arange(count, dtype=np.float32)[:, None]
        states = np.concatenate([state[:count], numbers], axis=1)
        found = beam_search(states, step, BEAM_WIDTH, rules)
        captions = []
        for (best, *_), of_photo in zip(found, rules, strict=True):
            # Names of several words are one to the decoder, and several to those who score.
            words = self.vocabulary.decode(of_photo.surface(best.words))
            captions.append(tuple(" ".join(words).split()))
        return captions

    def _rules(
        self, language: str, regions: np.ndarray | None, starts: Sequence[str]
    ) -> list[Rules]:
        """Those of each photo."""
        config = self.config
        rules = [
            caption_rules(
                self.vocabulary, config.max_length, config.length_penalty, start, self.repeatable
            )
            for start in starts
        ]
        if regions is None or not config.grounded:
            return rules
        visual = VisualWords.of(self.vocabulary, words_of_classes(language), self.logit_bias)
        classes = regions[: len(rules), :, -1].astype(int)
        return [
            visual.rules(one, (detected[detected > 0] - 1).tolist())
            for one, detected in zip(rules, classes, strict=True)
        ]


class Encode(Computation):
    """The features that decoders see, in float32, for there are no arrays of bfloat16."""

    def call(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        seen = self.model.encode(features)
        return {name: ops.cast(values, "float32") for name, values in seen.items()}


def encode_photos(
    model: CaptioningModel, corpus: Corpus, photos: np.ndarray
) -> dict[str, np.ndarray]:
    """The features that decoders see of these photos, a few at a time."""
    encode = Encode(model)
    count = -(-len(photos) // PHOTOS_AT_ONCE)
    seen = [encode.predict_on_batch(corpus.look(few)) for few in np.array_split(photos, count)]
    return {name: np.concatenate([one[name] for one in seen]) for name in seen[0]}


class Sampler(Computation):
    """Samples captions, as likely as the decoder finds them at a temperature."""

    def __init__(self, model: CaptioningModel, name: str, end: int, temperature: float):
        super().__init__(model)
        self.decoder_name = name
        self.end, self.temperature = end, temperature

    def call(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """
        Args:
            given: "features" that decoders see, by name; "starts": int32 (photos,), the words that
                captions begin with, unseen; and "chances": float32 (photos, samples, time), between
                0 and 1, which decide what is sampled. They come from outside, so that every backend
                samples the same.

        Returns:
            "tokens" and the "words" they are read as, int32 (photos × samples, time); what follows
            an end means nothing.
        """
        starts, chances = given["starts"], given["chances"]
        _, samples, time = chances.shape
        chances = ops.reshape(chances, (-1, time))
        decoder = self.model.decoders[self.decoder_name]
        state, memory = decoder.start(given["features"])
        state = repeat(state, samples)
        rows = ops.shape(state)[0]
        places = ops.arange(time)[None]

        def go_on(at, last, ended, state, tokens):
            log_probabilities, state = decoder.step(state, last, memory)
            last = choose(log_probabilities / self.temperature, chances[:, at])
            tokens = ops.where(places == at, last[:, None], tokens)
            return last, ended | (last == self.end), state, tokens

        first = (
            repeat(starts[:, None], samples)[:, 0],
            ops.zeros((rows,), "bool"),
            state,
            ops.zeros((rows, time), "int32") + self.end,
        )
        *_, tokens = self._loop(time, go_on, first)
        return {"tokens": tokens, "words": decoder.surface(tokens, memory)}

    def _loop(self, time: int, go_on: Callable[..., tuple], first: tuple) -> tuple:
        """Word after word until all captions have ended or, where nothing may look, to the last."""
        if cuda_graphs.records():
            carried = first
            for at in range(time):
                carried = go_on(at, *carried)
            return carried

        def goes_on(at, last, ended, state, tokens):
            return ops.logical_and(at < time, ops.logical_not(ops.all(ended)))

        def advance(at, *carried):
            return at + 1, *go_on(at, *carried)

        return ops.while_loop(goes_on, advance, (ops.zeros((), "int32"), *first))[1:]


def choose(logits: Tensor, chances: Tensor) -> Tensor:
    """What each chance falls on, int32 (rows,): the inverse of the cumulative distribution of
    logits (rows, n) at chances (rows,)."""
    cumulated = ops.cumsum(ops.softmax(logits), axis=-1)
    below = ops.cast(cumulated[:, :-1] < chances[:, None] * cumulated[:, -1:], "int32")
    return ops.sum(below, axis=-1)


def _lengthened(rows: np.ndarray, count: int) -> np.ndarray:
    return np.pad(rows, ((0, count - len(rows)), *[(0, 0)] * (rows.ndim - 1)))
