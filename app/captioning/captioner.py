"""Captions a photo with a loaded checkpoint."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from app.captioning.beam_search import Hypothesis, Rules, Step, beam_search
from app.captioning.checkpoint import (
    DETECTOR,
    SMOOTH,
    Checkpoint,
    CheckpointError,
    Details,
    LanguageModel,
    Neutral,
    open_checkpoint,
)
from app.captioning.confidence import Level, mean_probability
from app.captioning.constrained_search import constrained_beam_search
from app.captioning.detector import PHOTO_SIZE as DETECTOR_SIZE
from app.captioning.detector import REGIONS, Detections, non_maximum_suppression
from app.captioning.engines import Engine, load_engine
from app.captioning.evidence import MOST_NAMED, informed, unsaid
from app.captioning.grounding import Region, Slot, find_slots, template, with_articles
from app.captioning.objects import objects
from app.captioning.pointing import point, saying
from app.captioning.visual_words import FORMS
from app.captioning.vocabulary import START, Vocabulary, sentence

BEAM_WIDTH = 3


@dataclass(frozen=True)
class Caption:
    text: str
    """As a person writes it: "A dog runs." or "一只狗在跑。"."""
    words: tuple[str, ...]
    """As the vocabulary has them."""
    log_probability: float
    """Natural logarithm of the chance of exactly this sentence, not normalised by length."""
    slots: tuple[Slot, ...] = ()
    """Its visual words, in order, where the model points at what it names."""
    confidence: Level | None = None
    """How sure the model was of it; None where the checkpoint does not say what that is worth."""
    perhaps: tuple[str, ...] = ()
    """Where it is but a guess, words for what the photo may show that it does not say."""

    @property
    def probability(self) -> float:
        return math.exp(self.log_probability)

    @property
    def template(self) -> str:
        """The text with its visual words left open: "A <region-0> runs."."""
        return template(self.text, self.slots)


@dataclass(frozen=True)
class Encoding:
    """A photo as decoders see it."""

    features: Mapping[str, np.ndarray]
    """By their names, as app.captioning.engines has them."""
    regions: tuple[Region, ...] = ()
    """What was detected, the surest first; none where the checkpoint has no detector."""


class Captioner:
    """A checkpoint ready to caption. Thread-safe: one photo is in the engine at a time."""

    def __init__(self, checkpoint: Checkpoint, engine: Engine):
        self.name = checkpoint.name
        self.languages = tuple(checkpoint.languages)
        self.objects = tuple(objects()) if DETECTOR in checkpoint.files else ()
        """Names of what it can detect and be told to mention; none without a detector."""
        self.confident = any(model.confidence for model in checkpoint.languages.values())
        """Whether its captions say how sure it was."""
        self.labelled = bool(self.objects) or any(
            model.evidence for model in checkpoint.languages.values()
        )
        """Whether it has labels of photos."""
        self._checkpoint = checkpoint
        self._engine = engine
        self._lock = Lock()

    @classmethod
    def load(cls, folder: Path, engine: str = "auto", pointing: bool = False) -> Captioner:
        """Opens, checks and tries out a checkpoint.

        Args:
            folder: a folder such as those in model_assets/.
            engine: "auto", "litert" or "tensorflow".
            pointing: whether a detector is loaded that the decoders can do without, so that words
                point at what it finds.

        Raises:
            CheckpointError: the checkpoint is broken, or the engine is not installed.
        """
        checkpoint = open_checkpoint(folder)
        if not pointing:
            checkpoint = checkpoint.without_detector()
        captioner = cls(checkpoint, load_engine(engine, checkpoint))
        captioner._try_out()
        return captioner

    def encode(self, photo: np.ndarray) -> Encoding:
        """An upright photo, uint8 RGB (height, width, 3), made ready for any language."""
        checkpoint = self._checkpoint
        squashed = np.asarray(squash(photo, checkpoint.photo_size, checkpoint.resizing))
        with self._lock:
            features = self._engine.encode(squashed)
            if not self.objects:
                return Encoding(features)
            detections = self._detect(np.asarray(squash(photo, DETECTOR_SIZE)))
        found = non_maximum_suppression(detections)
        return Encoding({**features, "regions": found.pack()}, found.regions(self.objects))

    def decode(
        self,
        encoding: Encoding,
        language: str,
        beam_width: int = BEAM_WIDTH,
        mention: Sequence[str] = (),
    ) -> list[Caption]:
        """1 to beam_width captions, the best first.

        Args:
            encoding: from encode().
            language: one of self.languages, else KeyError.
            beam_width: hypotheses kept at each step, at least 1.
            mention: names of self.objects, at most 4, that captions must mention.
        """
        model = self._checkpoint.languages[language]
        rules = caption_rules(
            model.vocabulary,
            model.max_words,
            model.length_penalty,
            model.start,
            model.repeatable,
            model.details,
            model.neutral,
        )
        visual = model.visual_words
        if visual:
            classes = [visual.classes.index(region.name) for region in encoding.regions]
            rules = visual.rules(rules, classes)
        things = [
            visual.tokens(name, rules) if visual else saying(name, model.vocabulary, language)
            for name in mention
        ]
        with self._lock:
            state, step = self._start(language, encoding, frozenset().union(*things))
            if things:
                found = constrained_beam_search(state, step, beam_width, rules, things)
            else:
                (found,) = beam_search(state, step, beam_width, rules)
        captions = [
            _caption(hypothesis, model, rules, language, encoding.regions) for hypothesis in found
        ]
        # With their articles made to suit, two may have become the same.
        firsts: dict[str, Caption] = {}
        for caption in captions:
            firsts.setdefault(caption.text, caption)
        return self._with_doubts(list(firsts.values()), encoding, language)

    def labels(self, encoding: Encoding, language: str) -> dict[str, float]:
        """What there is on a photo, the surest first, and how sure that is, from 0 to 1: words of
        the language, of those that say the same the surest; of a language without evidence the
        classes of detected objects, which are English."""
        model = self._checkpoint.languages[language]
        if model.evidence is None:
            scores: dict[str, float] = {}
            for region in encoding.regions:
                scores[region.name] = max(region.score, scores.get(region.name, 0))
            return dict(sorted(scores.items(), key=lambda item: -item[1]))
        likely = model.evidence.likely(encoding.features["pooled"])
        shares = dict(zip(model.vocabulary.decode(likely), likely.values(), strict=True))
        return {word: shares[word] for word in unsaid(shares)}

    def caption(
        self, photo: np.ndarray, language: str, beam_width: int = BEAM_WIDTH
    ) -> list[Caption]:
        """Captions of an upright photo, uint8 RGB (height, width, 3), the best first."""
        return self.decode(self.encode(photo), language, beam_width)

    def _try_out(self) -> None:
        """One step in each language: a graph that does not fit its vocabulary is found now, and
        the first photo need not wait for the engine's lazy preparations."""
        size = self._checkpoint.photo_size
        try:
            encoding = self.encode(np.zeros((size, size, 3), np.uint8))
            for language, model in self._checkpoint.languages.items():
                state, step = self._start(language, encoding)
                words = np.asarray(model.vocabulary.encode([model.start]), np.int32)
                log_probabilities, _ = step(state, words)
                visual = REGIONS * FORMS if model.visual_words else 0
                known = log_probabilities.shape[-1] - visual
                if known != len(model.vocabulary):
                    raise ValueError(
                        f"the decoder knows {known} words in {language!r}, "
                        f"its vocabulary {len(model.vocabulary)}"
                    )
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"The checkpoint {self._checkpoint.folder} does not fit together: {error}. "
                "Fetch the folder again, or export it anew."
            ) from error

    def _start(
        self, language: str, encoding: Encoding, asked_for: Collection[int] = ()
    ) -> tuple[np.ndarray, Step]:
        """As the engine's, with what the photo says for each word but those that are asked for."""
        state, step = self._engine.start(language, encoding.features)
        evidence = self._checkpoint.languages[language].evidence
        if evidence:
            bias = evidence.bias(encoding.features["pooled"])
            bias = np.where(np.isin(evidence.words, [*asked_for]), 0, bias)
            step = informed(step, evidence.words, bias)
        return state, step

    def _with_doubts(
        self, captions: list[Caption], encoding: Encoding, language: str
    ) -> list[Caption]:
        """Guesses with what the photo may show instead. Where something was detected it is not said
        here: it has boxes, and a sentence of its own (app.captioning.baby_talk)."""
        if encoding.regions or all(caption.confidence != "guess" for caption in captions):
            return captions
        likely = self.labels(encoding, language)
        return [
            replace(caption, perhaps=tuple(unsaid(likely, caption.words)[:MOST_NAMED]))
            if caption.confidence == "guess"
            else caption
            for caption in captions
        ]

    def _detect(self, photo: np.ndarray) -> Detections:
        found = self._engine.detect(photo)
        known = found.scores.shape[1]
        if known != len(self.objects):
            raise ValueError(
                f"the detector knows {known} classes, and there are {len(self.objects)}"
            )
        return found


def squash(photo: np.ndarray, size: int, resizing: str = SMOOTH) -> Image.Image:
    """The whole photo, uint8 RGB (height, width, 3), in a square of that size, as training did.

    Args:
        resizing: SMOOTH is bicubic, of all pixels. SAMPLED is tf.image.resize_images before
            TensorFlow 2: bilinear between the four pixels next to each place, and places are
            counted from the upper left corner.
    """
    if resizing == SMOOTH:
        return Image.fromarray(photo).resize((size, size), Image.Resampling.BICUBIC)
    sampled = _sampled(_sampled(photo, size, 0), size, 1)
    return Image.fromarray(np.rint(sampled).astype(np.uint8))


def _sampled(pixels: np.ndarray, size: int, axis: int) -> np.ndarray:
    """So many along an axis, float32."""
    length = pixels.shape[axis]
    places = np.arange(size, dtype=np.float32) * np.float32(length / size)
    before = places.astype(int)
    share = np.expand_dims(places - before, tuple(range(1, pixels.ndim - axis)))
    first, second = (
        pixels.take(np.minimum(at, length - 1), axis).astype(np.float32)
        for at in (before, before + 1)
    )
    return first + (second - first) * share.astype(np.float32)


def caption_rules(
    vocabulary: Vocabulary,
    max_words: int,
    length_penalty: float,
    start: str = START,
    repeatable: Iterable[str] | None = None,
    details: Details | None = None,
    neutral: Neutral | None = None,
) -> Rules:
    """The rules of a beam search over this vocabulary; training evaluates with the same.

    Args:
        start: the word that captions begin with, unseen: `<start>`, or a style.
        repeatable: words that may come twice in a caption; all where it is None.
        details: words that are not said where they are doubtful.
        neutral: words in whose place others are said where they are.
    """
    return Rules(
        start=vocabulary.encode([start])[0],
        end=vocabulary.end,
        banned=tuple(vocabulary.unsayable),
        max_words=max_words,
        length_penalty=length_penalty,
        repeatable=None if repeatable is None else frozenset(vocabulary.encode(repeatable)),
        details=tuple(vocabulary.encode(details.words)) if details else (),
        least_probability=details.least_probability if details else 0.0,
        neutral=tuple(tuple(vocabulary.encode(three)) for three in neutral.words)
        if neutral
        else (),
        least_share=neutral.least_share if neutral else 0.5,
    )


def _caption(
    hypothesis: Hypothesis,
    model: LanguageModel,
    rules: Rules,
    language: str,
    detected: Sequence[Region],
) -> Caption:
    words = model.vocabulary.decode(rules.surface(hypothesis.words))
    if model.visual_words:
        meant = [model.visual_words.region(token) for token in hypothesis.words]
        words = with_articles(words, meant) if language == "en" else words
        names: Sequence[str] = words
    else:
        names, meant = point(words, detected, language)
    text, score = sentence(words, language), hypothesis.log_probability
    mean = mean_probability(text, language, score)
    level = model.confidence.level(mean) if model.confidence else None
    return Caption(text, words, score, find_slots(text, names, meant), level)
