"""Captioned photos of one split and language as a decoder's training sees them, in batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

import numpy as np

from app.captioning.vocabulary import Vocabulary
from training.data.features import CollectionSplit
from training.data.tokenization import merge_names, without_pauses
from training.recipes import LanguageConfig

BUCKET = 20
"""Photos are sorted by their longest caption within so many batches, so that little is padding."""

AHEAD = 3
"""Batches that are got ready before they are needed."""

LENGTHS = 3
"""Batches are as long as a multiple of this: each new length costs the training a new graph."""

MINIMUM_COUNT = 4
"""How often a word comes in the training captions to enter the vocabulary."""

REPEATED = 0.05
"""The share; chosen on dev of all collections, where 0.5 to 2 % bring less."""
DOUBT = 20
"""Captions that say it once are added in thought, so that one odd caption proves nothing."""


@dataclass(frozen=True)
class Corpus:
    """The photos of several collections that have captions in a language, one after the other."""

    collections: Sequence[CollectionSplit]
    language: str

    @cached_property
    def places(self) -> np.ndarray:
        """Collection and row of each photo, int (photos, 2)."""
        places = [
            (nth, row)
            for nth, collection in enumerate(self.collections)
            for row, captions in enumerate(collection.captions)
            if any(captions.get(self.language, ()))
        ]
        return np.array(places, int).reshape(-1, 2)

    @cached_property
    def captions(self) -> list[list[list[str]]]:
        """The tokens of each caption of each photo, as training.data.tokenization cuts them."""
        return [
            [words for words in self.collections[nth].captions[row][self.language] if words]
            for nth, row in self.places.tolist()
        ]

    @property
    def references(self) -> list[list[list[str]]]:
        """The words of each caption of each photo, for scoring."""
        return [[without_pauses(one) for one in captions] for captions in self.captions]

    @property
    def names(self) -> list[str]:
        """File name of each photo."""
        return [self.collections[nth].names[row] for nth, row in self.places.tolist()]

    @property
    def augmentations(self) -> int:
        """That every photo has."""
        return min(collection.augmentations for collection in self.collections)

    def __len__(self) -> int:
        return len(self.places)

    def starts(self, config: LanguageConfig) -> list[str]:
        """What the caption of each photo is asked to begin with: the style of its collection."""
        of_each: dict[int, list[list[str]]] = defaultdict(list)
        numbers = self.places[:, 0].tolist()
        for nth, captions in zip(numbers, self.references, strict=True):
            of_each[nth] += captions
        usual = {nth: config.usual_start(captions) for nth, captions in of_each.items()}
        return [usual[nth] for nth in numbers]

    def look(
        self, photos: Sequence[int] | np.ndarray, augmentations: np.ndarray | int = 0
    ) -> dict[str, np.ndarray]:
        """Features of an augmentation of each of these photos, as look() gives them."""
        return look(self.collections, self.places[np.asarray(photos)], augmentations)


@dataclass(frozen=True)
class Lesson:
    """What one decoder learns from."""

    corpus: Corpus
    vocabulary: Vocabulary
    config: LanguageConfig


@dataclass(frozen=True)
class Batch:
    """Photos, and for each decoder as many captions of each: those of a photo follow each other."""

    features: dict[str, np.ndarray]
    """As look() gives them."""
    captions: dict[str, dict[str, np.ndarray]]
    """Of each decoder, (captions, time): "inputs", int32, the start and the words; "targets",
    int32, the words and the end; "mask", float32, 1 where there is a target."""


def look(
    collections: Sequence[CollectionSplit], places: np.ndarray, augmentations: np.ndarray | int
) -> dict[str, np.ndarray]:
    """Features of an augmentation of each photo, (photos, …) by name: float32, or uint8 where they
    are the photos themselves. Reads no others.

    Args:
        places: as Corpus.places.
    """
    chosen = np.broadcast_to(augmentations, len(places))
    found: dict[str, np.ndarray] = {}
    for nth, collection in enumerate(collections):
        ours = places[:, 0] == nth
        if not ours.any():
            continue
        for name, array in collection.features.items():
            values = array[chosen[ours], places[ours, 1]]
            if values.dtype != np.uint8:
                values = values.astype(np.float32)
            if name not in found:
                found[name] = np.empty((len(places), *values.shape[1:]), values.dtype)
            found[name][ours] = values
    return found


def build_vocabulary(corpus: Corpus, config: LanguageConfig) -> Vocabulary:
    """The words that the training captions hold often enough, and those that the recipe adds."""
    sentences = (words for of_photo in corpus.captions for words in of_photo)
    return config.vocabulary(Vocabulary.build(sentences, MINIMUM_COUNT), corpus.language)


def repeatable_words(captions: Iterable[Sequence[Sequence[str]]]) -> list[str]:
    """The words, most frequent first, that come twice in at least REPEATED of the captions that
    have them.

    A decoder that is not sure what else there is says what it has said: a bed with a bed.

    Args:
        captions: of each photo, as words.
    """
    once: Counter[str] = Counter()
    twice: Counter[str] = Counter()
    for of_photo in captions:
        for caption in of_photo:
            counts = Counter(caption)
            once.update(counts.keys())
            twice.update(word for word, count in counts.items() if count > 1)
    return [word for word, count in once.most_common() if twice[word] >= REPEATED * (count + DOUBT)]


def mentioned(corpus: Corpus, vocabulary: Vocabulary) -> np.ndarray:
    """Whether a caption of a photo has a word, bool (photos, vocabulary)."""
    table = np.zeros((len(corpus), len(vocabulary)), bool)
    for photo, captions in enumerate(corpus.captions):
        for caption in captions:
            table[photo, vocabulary.encode(caption)] = True
    table[:, vocabulary.unknown] = False
    return table


@dataclass(frozen=True)
class Batches:
    """The photos of one or several decoders, and batches of them with their written captions.

    Decoders see the same photos side by side, so that an encoder looks at each once for all.
    """

    lessons: Mapping[str, Lesson]
    """By the decoders' names. All have the same collections."""
    batch_size: int
    """Photos."""
    captions_per_photo: int
    seed: int
    one_length: bool = False
    """Whether captions are padded to the longest that there may be, in every batch."""

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.places) // self.batch_size)

    @cached_property
    def places(self) -> np.ndarray:
        """As Corpus.places, of all photos that a decoder learns from."""
        each = [lesson.corpus.places for lesson in self.lessons.values()]
        return np.unique(np.concatenate(each), axis=0)

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """Which photo of a decoder's own corpus each photo is, int (photos,); -1 for none."""
        found = {}
        for name, lesson in self.lessons.items():
            own = {place: row for row, place in enumerate(map(tuple, lesson.corpus.places))}
            found[name] = np.array([own.get(place, -1) for place in map(tuple, self.places)], int)
        return found

    @property
    def augmentations(self) -> int:
        return min(lesson.corpus.augmentations for lesson in self.lessons.values())

    def look(self, photos: np.ndarray, augmentations: np.ndarray) -> dict[str, np.ndarray]:
        """As Corpus.look()."""
        first = next(iter(self.lessons.values()))
        return look(first.corpus.collections, self.places[photos], augmentations)

    def length(self, name: str) -> int | None:
        """That a decoder's captions are padded to; None for that of the longest."""
        return padded_length(self.lessons[name].config.max_length + 1) if self.one_length else None

    def draw(self, random: np.random.Generator) -> dict[str, list[list[list[int]]]]:
        """For each decoder, so many captions of each photo; those that are missing are empty."""
        count = self.captions_per_photo
        return {
            name: [_choose(captions, count, random) for captions in of_each]
            for name, of_each in self._ids.items()
        }

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """All photos once, in an order that depends on seed and epoch alone, each in a random
        augmentation and with captions drawn anew. All batches are of one size: where captions or
        photos are missing for that, some stand in that count for nothing."""
        return ahead(self._epoch(epoch))

    def _epoch(self, epoch: int) -> Iterator[Batch]:
        random = np.random.default_rng([self.seed, epoch])
        drawn = self.draw(random)
        longest = [max(map(len, chain(*each))) for each in zip(*drawn.values(), strict=True)]
        order = random.permutation(len(longest))
        size = self.batch_size
        groups = []
        for first in range(0, len(order), BUCKET * size):
            by_length = sorted(order[first : first + BUCKET * size], key=longest.__getitem__)
            groups += [by_length[at : at + size] for at in range(0, len(by_length), size)]
        for group in random.permutation(len(groups)):
            photos = np.array(groups[group])
            augmentations = random.integers(self.augmentations, size=len(photos))
            missing = (0, size - len(photos))
            features = self.look(
                np.pad(photos, missing, mode="edge"), np.pad(augmentations, missing)
            )
            nothing: list[list[list[int]]] = [[[]] * self.captions_per_photo] * missing[1]
            captions = {
                name: padded([*(of_each[photo] for photo in photos), *nothing], self.length(name))
                for name, of_each in drawn.items()
            }
            yield Batch(features, captions)

    @cached_property
    def _ids(self) -> dict[str, list[list[list[int]]]]:
        """For each decoder, of each photo's captions what they begin with and their words; none
        longer than those that are decoded."""
        found = {}
        for name, lesson in self.lessons.items():
            own = [_ids(lesson, captions) for captions in lesson.corpus.captions]
            found[name] = [own[row] if row >= 0 else [] for row in self.rows[name].tolist()]
        return found


def _ids(lesson: Lesson, captions: Sequence[Sequence[str]]) -> list[list[int]]:
    config = lesson.config
    words_of = merge_names if config.grounded else list
    return [
        lesson.vocabulary.encode(
            [config.start_of(without_pauses(words)), *words_of(words)[: config.max_length]]
        )
        for words in captions
    ]


def _choose(captions: list[list[int]], count: int, random: np.random.Generator) -> list[list[int]]:
    """So many captions; rows that stand for none are empty."""
    if len(captions) > count:
        captions = [captions[at] for at in random.permutation(len(captions))[:count]]
    return captions + [[]] * (count - len(captions))


def padded_length(length: int) -> int:
    """Of a batch whose longest caption has this length."""
    return length + -length % LENGTHS


def padded(
    captions: Sequence[Sequence[Sequence[int]]], length: int | None = None
) -> dict[str, np.ndarray]:
    """What Batch holds of a decoder, of each photo's captions from their starts on.

    Args:
        length: in words; None for that of the longest, or a little more.
    """
    rows = [ids for of_photo in captions for ids in of_photo]
    time = length or padded_length(max(1, *map(len, rows)))
    inputs, targets = np.full((2, len(rows), time), Vocabulary.end, np.int32)
    mask = np.zeros((len(rows), time), np.float32)
    for row, ids in enumerate(rows):
        inputs[row, : len(ids)] = ids
        targets[row, : max(0, len(ids) - 1)] = ids[1:]
        mask[row, : len(ids)] = 1
    return {"inputs": inputs, "targets": targets, "mask": mask}


Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same, got ready by a thread while those before them are used."""
    waiting: Queue[Any] = Queue(AHEAD)
    abandoned = Event()
    end = object()

    def put(item: Any) -> None:
        while not abandoned.is_set():
            try:
                return waiting.put(item, timeout=1)
            except Full:
                continue

    def get_ready() -> None:
        try:
            for item in items:
                put(item)
                if abandoned.is_set():
                    return
            put(end)
        except BaseException as error:  # It is raised where the items are used.
            put(error)

    Thread(target=get_ready, daemon=True).start()
    try:
        while (item := waiting.get()) is not end:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        abandoned.set()
