"""Learns the evidence of a checkpoint (app.captioning.evidence), from what its encoder makes of the
training photos, and adds it to the checkpoint."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from tqdm import tqdm

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import MANIFEST, evidence_file, open_checkpoint, sha256
from app.captioning.evidence import Evidence, Layer
from app.captioning.vocabulary import Vocabulary
from training.data.compute import in_processes, squashed
from training.data.datasets import open_split
from training.data.tokenization import words
from training.evaluation.doubt import NEUTRAL, is_colour
from training.evaluation.support import agreement
from training.export.card import forget_figures, of_languages, write_card
from training.saving import edited_json, save_arrays

LEAST_PHOTOS = 15
"""Words that captions of fewer have are left out."""
MOST_CAPTIONS = 0.2
"""Words that a greater share of captions has are left out: they say little of a photo."""
EPOCHS = 12
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
DROPOUT = 0.5
WEIGHT_DECAY = 1e-4
HIDDEN = 512
"""Units. A logistic regression, without them, is worse on dev, and larger."""
AGREED = 0.55
"""Words that say something alone are those that people agree on at least so often."""
EMPTY = {"en": re.compile("is|group|two|three|four"), "zh": re.compile("上|着|[一两三几].")}
"""Those of them that say nothing alone all the same."""
TRUST = 0.2
"""What a logit's distance from the word's usual one is times; chosen by looking at captions of dev
photos, for CIDEr hardly depends on it."""
MOST = 0.7
"""The most that is added to a log-probability or taken from it, but for unlikely words, which are
not said at all."""

Captions = Sequence[Sequence[Sequence[str]]]
"""The words of each caption of each photo."""

_captioner: Captioner
"""Of a worker process."""


def record_evidence(
    folder: Path, data: Path, collections: Iterable[str], only: str | None = None
) -> None:
    """Adds evidence to each language of a checkpoint, from the training photos of collections. Its
    scores and its confidence go, from its card too: they are those of other captions. A checkpoint
    without pooled features stays as it is.

    Args:
        data: has a dataset of each collection's name.
        only: a language; all of the checkpoint's where it is None.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DatasetError: a dataset is missing.
        ValueError: it does not speak the language.
    """
    wanted = of_languages(open_checkpoint(folder).languages, only)
    _load(folder)  # Here too, for a pool whose processes cannot load it would try for ever.
    if "pooled" not in _captioner.encode(np.zeros((1, 1, 3), np.uint8)).features:
        return
    examples = [one for name in collections for one in open_split(data / name, "train")]
    features = _features(folder, [one.photo for one in examples])
    learned = {}
    for language, model in wanted.items():
        captions = [
            [words(text, language) for text in one.captions.get(language, ())] for one in examples
        ]
        described = np.array([any(of_photo) for of_photo in captions])
        ours = [of_photo for of_photo in captions if any(of_photo)]
        learned[language] = learn(features[described], ours, model.vocabulary, language)
    with edited_json(folder / MANIFEST) as manifest:
        for language, evidence in learned.items():
            name = evidence_file(language)
            save_arrays(folder / name, evidence.arrays())
            manifest["files"][name] = sha256(folder / name)
            forget_figures(manifest["languages"][language])
    write_card(folder)


def learn(
    features: np.ndarray, captions: Captions, vocabulary: Vocabulary, language: str
) -> Evidence:
    """A network with a logit for each word.

    Args:
        features: pooled, float32 (photos, n).
        captions: of the same photos, at least one of each.
    """
    learned, shares = _shares(captions, vocabulary)
    usual = np.log(shares.mean(axis=0) / (1 - shares.mean(axis=0)))
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    inner, inner_biases, outer, outer_biases = _fit((features - mean) / deviation, shares, usual)
    inner = inner / deviation[:, None]
    hidden = _rounded(inner, inner_biases - mean @ inner)
    output = _rounded(outer, outer_biases)
    named = _named(captions, vocabulary.decode(learned), language)
    return Evidence(learned, hidden, output, usual.astype(np.float32), named, TRUST, MOST)


def _named(captions: Captions, learned: Iterable[str], language: str) -> np.ndarray:
    """Which words say something alone, bool (k,): people agree on them, and they are neither
    colours, which need a thing, nor men or women, which are often mistaken."""
    agreed = agreement(captions)
    doubtful = {word for *two, _ in NEUTRAL[language] for word in two}
    return np.array(
        [
            agreed[word] >= AGREED
            and word not in doubtful
            and not is_colour(word, language)
            and not EMPTY[language].fullmatch(word)
            for word in learned
        ],
        bool,
    )


def _rounded(weights: np.ndarray, biases: np.ndarray) -> Layer:
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127
    rounded = np.rint(weights / scales).astype(np.int8)
    return Layer(rounded, scales.astype(np.float32), biases.astype(np.float32))


def _shares(captions: Captions, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the words that are learned, and which share of each photo's captions has each."""
    photos: Counter[str] = Counter()
    share: dict[str, float] = defaultdict(float)
    for of_photo in captions:
        photos.update({word for caption in of_photo for word in caption})
        for caption in of_photo:
            for word in set(caption):
                share[word] += 1 / len(of_photo)
    most = MOST_CAPTIONS * len(captions)
    learned = [
        word for word in vocabulary.words if photos[word] >= LEAST_PHOTOS and share[word] <= most
    ]
    places = {word: place for place, word in enumerate(learned)}
    shares = np.zeros((len(captions), len(learned)), np.float32)
    for photo, of_photo in enumerate(captions):
        for caption in of_photo:
            said = [places[word] for word in set(caption) if word in places]
            shares[photo, said] += 1 / len(of_photo)
    return np.array(vocabulary.encode(learned), np.int32), shares


def _fit(features: np.ndarray, shares: np.ndarray, usual: np.ndarray) -> list[np.ndarray]:
    """Weights (n, h) and biases (h,) of the hidden layer, for standardised features (photos, n),
    and weights (h, k) and biases (k,) of the logits."""
    if not shares.size:
        inputs = features.shape[1]
        return [np.zeros(shape) for shape in ((inputs, HIDDEN), (HIDDEN,), (HIDDEN, 0), (0,))]
    keras.utils.set_random_seed(1)
    decay = keras.regularizers.L2(WEIGHT_DECAY)
    hidden = layers.Dense(HIDDEN, activation="relu", kernel_regularizer=decay)
    logits = layers.Dense(
        shares.shape[1],
        bias_initializer=keras.initializers.Constant(usual),
        kernel_regularizer=decay,
    )
    model = keras.Sequential([layers.Dropout(DROPOUT), hidden, layers.Dropout(DROPOUT), logits])
    steps = EPOCHS * -(-len(features) // BATCH_SIZE)
    rate = keras.optimizers.schedules.PolynomialDecay(LEARNING_RATE, steps)
    model.compile(keras.optimizers.Adam(rate), _entropy)
    model.fit(features, shares, BATCH_SIZE, EPOCHS, verbose=0)
    return hidden.get_weights() + logits.get_weights()


def _entropy(shares: Any, logits: Any) -> Any:
    return ops.sum(ops.binary_crossentropy(shares, logits, from_logits=True), axis=-1)


def _features(folder: Path, photos: Sequence[bytes]) -> np.ndarray:
    """The pooled features of each, float32 (photos, n)."""
    seen = in_processes(_encode, photos, _load, folder, os.cpu_count() or 1)
    return np.stack(list(tqdm(seen, folder.name, len(photos), unit="photo", disable=None)))


def _load(folder: Path) -> None:
    global _captioner
    _captioner = Captioner.load(folder)


def _encode(photo: bytes) -> np.ndarray:
    return _captioner.encode(squashed(photo)).features["pooled"].ravel()
