"""Reads what im2txt's training left, and checks all of it: its words and its checkpoint."""

from __future__ import annotations

import ast
import codecs
import math
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.captioning.vocabulary import SPECIAL, Vocabulary
from training.encoders import ENCODERS, Weights, WeightsError
from training.encoders.slim import read_slim_inception_v3
from training.encoders.tensorflow_files import (
    Variables,
    find_checkpoint,
    open_variables,
    refuse_strangers,
)

ENCODER = ENCODERS["inception_v3"]
START, END, UNKNOWN = "<S>", "</S>", "<UNK>"
FORGET_BIAS = 1.0
"""BasicLSTMCell adds it at each step, so the checkpoint's bias is without it."""

MAP = "seq_embedding/map"
IMAGE_WEIGHTS, IMAGE_BIASES = "image_embedding/weights", "image_embedding/biases"
LOGITS_WEIGHTS, LOGITS_BIASES = "logits/weights", "logits/biases"
LSTM_NAMES = (
    ("lstm/basic_lstm_cell/kernel", "lstm/basic_lstm_cell/bias"),
    ("lstm/basic_lstm_cell/weights", "lstm/basic_lstm_cell/biases"),
    ("lstm/BasicLSTMCell/Linear/Matrix", "lstm/BasicLSTMCell/Linear/Bias"),
)
"""As TensorFlow called them from 1.2 on, from 1.0 on, and before."""

WRITTEN_BYTES = re.compile(rb"""b(['"]).*\1""")
"""A word as Python 3 writes bytes."""


class Im2txtError(ValueError):
    """A checkpoint cannot be imported; the message is a sentence for the person who holds it."""


class Words(NamedTuple):
    """A vocabulary, and where its words are in im2txt's."""

    vocabulary: Vocabulary
    rows: np.ndarray
    """int (vocabulary,): im2txt's id of each word."""


class DecoderWeights(NamedTuple):
    """Of ShowAndTell, layer by layer, each float32."""

    embedding: np.ndarray
    """(words, embedding)"""
    image: tuple[np.ndarray, np.ndarray]
    """(features, embedding), (embedding,)"""
    lstm: tuple[np.ndarray, np.ndarray, np.ndarray]
    """(embedding, 4 × units), (units, 4 × units), (4 × units,)"""
    logits: tuple[np.ndarray, np.ndarray]
    """(units, words), (words,)"""


class Im2txt(NamedTuple):
    """A whole model, read and checked."""

    name: str
    """Of its checkpoint, such as model.ckpt-2000000."""
    vocabulary: Vocabulary
    decoder: DecoderWeights
    encoder: Weights


def read_im2txt(checkpoint: Path, vocabulary: Path) -> Im2txt:
    """Reads a model.

    Args:
        checkpoint: as of training.encoders.tensorflow_files.find_checkpoint().
        vocabulary: the word_counts.txt of the same training.

    Raises:
        Im2txtError: a file is missing, damaged or not im2txt's.
    """
    words = read_words(vocabulary)
    try:
        found = find_checkpoint(checkpoint)
        decoder = read_decoder(found, words.rows)
        return Im2txt(found.name, words.vocabulary, decoder, read_slim_inception_v3(found))
    except (OSError, WeightsError) as error:
        raise Im2txtError(str(error)) from error


def read_words(path: Path) -> Words:
    """Reads word_counts.txt: a word and its count a line, in the order of im2txt's ids.

    Where Python 3 wrote the file its words may look like b'dog'; they are read as dog.

    Raises:
        Im2txtError: there is no such file, or it is not im2txt's.
    """
    words = _listed_words(path)
    if UNKNOWN not in words:
        words.append(UNKNOWN)
    missing = [special for special in (START, END) if special not in words]
    if missing:
        raise _not_im2txts(path, f"it has no {' and no '.join(missing)}")
    if len(words) == len(SPECIAL):
        raise _not_im2txts(path, "it has no words to say")
    for word, count in Counter([*SPECIAL, *words]).items():
        if count > 1:
            raise _not_im2txts(
                path,
                f"it has {word}, which is Kantu's own"
                if word in SPECIAL
                else f"it has {word} twice",
            )
    first = [words.index(special) for special in (START, END, UNKNOWN)]
    rows = first + [row for row in range(len(words)) if row not in first]
    vocabulary = Vocabulary([*SPECIAL, *(words[row] for row in rows[len(first) :])])
    return Words(vocabulary, np.array(rows))


def read_decoder(checkpoint: Path, rows: np.ndarray) -> DecoderWeights:
    """The decoder of an im2txt checkpoint, which knows the words of these rows alone.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        WeightsError: it is damaged, not im2txt's, or has fewer words.
    """
    with open_variables(checkpoint) as variables:
        kernel, bias = next((names for names in LSTM_NAMES if names[0] in variables), LSTM_NAMES[0])
        _require_decoder(variables, kernel, bias)
        words = math.prod(variables.shape(LOGITS_BIASES))
        size = variables.shape(IMAGE_WEIGHTS)[-1]
        units = math.prod(variables.shape(bias)) // 4
        if words <= rows.max():
            raise WeightsError(
                f"The vocabulary has {len(rows)} words with <UNK>, and {variables.path} only "
                f"{words}; give the word_counts.txt of the same training."
            )
        gates = variables.read(kernel, (size + units, 4 * units))
        forget_bias = np.repeat(np.array([0, 0, FORGET_BIAS, 0], np.float32), units)
        return DecoderWeights(
            variables.read(MAP, (words, size))[rows],
            (variables.read(IMAGE_WEIGHTS, (ENCODER.channels, size)), _biases(variables, size)),
            (gates[:size], gates[size:], variables.read(bias, (4 * units,)) + forget_bias),
            (
                variables.read(LOGITS_WEIGHTS, (units, words))[:, rows],
                variables.read(LOGITS_BIASES, (words,))[rows],
            ),
        )


def _listed_words(path: Path) -> list[str]:
    """In the order of the file, as their writer meant them."""
    try:
        data = path.read_bytes()
        refuse_strangers(path, data)
    except OSError as error:
        raise Im2txtError(f"The vocabulary {path} cannot be read ({error.strerror}).") from error
    except WeightsError as error:
        raise Im2txtError(str(error)) from error
    lines = data.removeprefix(codecs.BOM_UTF8).splitlines()
    words = [line.split()[0] for line in lines if line.strip()]
    written = repr(START.encode()).encode() in words
    return [_word(path, word, written) for word in words]


def _word(path: Path, word: bytes, written: bool) -> str:
    """A word of the file as text; where that has them written like b'dog', as what was meant."""
    try:
        if written:
            if not WRITTEN_BYTES.fullmatch(word):
                raise ValueError
            word = ast.literal_eval(word.decode())
        if b"\0" in word:
            raise ValueError
        return word.decode()
    except (ValueError, SyntaxError) as error:
        raise _not_im2txts(path, f"{word[:40]!r} is no word in UTF-8") from error


def _not_im2txts(path: Path, why: str) -> Im2txtError:
    return Im2txtError(
        f"The vocabulary {path} is not im2txt's: {why}. Give the word_counts.txt of the "
        "checkpoint's training."
    )


def _require_decoder(variables: Variables, kernel: str, bias: str) -> None:
    names = [MAP, IMAGE_WEIGHTS, kernel, bias, LOGITS_WEIGHTS, LOGITS_BIASES]
    if not any(name in variables for name in names) and any(
        name.startswith("InceptionV3/") for name in variables
    ):
        raise WeightsError(
            f"{variables.path} is Inception-v3 alone, from which im2txt's training begins. Give a "
            "checkpoint that this training saved, such as model.ckpt-2000000."
        )
    variables.require("im2txt", *names)


def _biases(variables: Variables, size: int) -> np.ndarray:
    """The image embedding's: im2txt itself has none."""
    if IMAGE_BIASES in variables:
        return variables.read(IMAGE_BIASES, (size,))
    return np.zeros(size, np.float32)
