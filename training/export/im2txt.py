"""Turns a checkpoint of im2txt, TensorFlow 1's Show and Tell, into one that the service loads.

    python -m training.export.im2txt --checkpoint model.ckpt-2000000 \\
        --vocabulary word_counts.txt --out model_assets/im2txt

im2txt is Vinyals et al. 2017, "Show and Tell: Lessons learned from the 2015 MSCOCO Image
Captioning Challenge", as published in tensorflow/models/research/im2txt. docs/im2txt.md says what
the imported model does differently.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from app.captioning.checkpoint import MANIFEST
from app.captioning.vocabulary import SPECIAL, Vocabulary
from training.decoders.front import Pooled
from training.decoders.show_and_tell import ShowAndTell
from training.encoders import ENCODERS, build
from training.encoders.slim import read_slim_inception_v3
from training.export.checkpoint import ServedEncoder, ServedLanguage, write_checkpoint
from training.export.conversion import Matching, convert_encoder

LANGUAGE = "en"
ENCODER = "inception_v3"
PHOTO_SIZE = 346
"""im2txt resizes photos to this height and width, and takes their centre."""
START, END, UNKNOWN = "<S>", "</S>", "<UNK>"
FORGET_BIAS = 1.0
"""BasicLSTMCell adds it at each step, so the checkpoint's bias is without it."""
MAX_WORDS = 20
LENGTH_PENALTY = 0.0
"""im2txt ranks captions by their log-probability, whatever their length."""

MAP = "seq_embedding/map"
IMAGE_WEIGHTS, IMAGE_BIASES = "image_embedding/weights", "image_embedding/biases"
LOGITS = ("logits/weights", "logits/biases")
LSTM_NAMES = (
    ("lstm/basic_lstm_cell/kernel", "lstm/basic_lstm_cell/bias"),
    ("lstm/basic_lstm_cell/weights", "lstm/basic_lstm_cell/biases"),
    ("lstm/BasicLSTMCell/Linear/Matrix", "lstm/BasicLSTMCell/Linear/Bias"),
)
"""As TensorFlow called them from 1.2 on, from 1.0 on, and before."""


class Im2txtError(Exception):
    """A checkpoint cannot be imported; the message is a sentence for the person who holds it."""


class Words(NamedTuple):
    """A vocabulary, and where its words are in im2txt's."""

    vocabulary: Vocabulary
    rows: np.ndarray
    """int (vocabulary,): im2txt's id of each word."""


def import_im2txt(checkpoint: Path, vocabulary: Path, out: Path) -> Path:
    """Writes the checkpoint folder out, and returns it.

    The encoder's int8 weights are those of a dynamic-range conversion: LiteRT takes the ranges of
    the activations from each photo as it comes, so no photos are needed to calibrate them.

    Args:
        checkpoint: the path that TensorFlow's Saver was given, such as model.ckpt-2000000.
        vocabulary: the word_counts.txt of the same training.
        out: folder to write; its name is the model's.

    Raises:
        Im2txtError: there is a checkpoint in out, or a file is missing or not im2txt's.
    """
    if (out / MANIFEST).exists():
        raise Im2txtError(f"There is a checkpoint in {out} already; choose another --out.")
    words = read_words(vocabulary)
    decoder = read_decoder(checkpoint, words.rows)
    model = read_encoder(checkpoint)
    encoder = ServedEncoder(
        model, convert_encoder(model), _unmatched(model), _encoder_facts(checkpoint)
    )
    language = ServedLanguage(decoder, words.vocabulary, _decoder_facts(checkpoint))
    return write_checkpoint(out, encoder, {LANGUAGE: language})


def read_words(path: Path) -> Words:
    """Reads word_counts.txt: a word and its count a line, in the order of im2txt's ids.

    Where Python 3 wrote the file its words may look like b'dog'; they are read as dog.

    Raises:
        Im2txtError: there is no such file, or it is not im2txt's.
    """
    try:
        lines = path.read_bytes().splitlines()
        words = [line.split()[0].decode() for line in lines if line.strip()]
        if repr(START.encode()) in words:
            words = [ast.literal_eval(word).decode() for word in words]
        if UNKNOWN not in words:
            words.append(UNKNOWN)
        first = [words.index(special) for special in (START, END, UNKNOWN)]
        rows = first + [row for row in range(len(words)) if row not in first]
        vocabulary = Vocabulary([*SPECIAL, *(words[row] for row in rows[len(first) :])])
    except OSError as error:
        raise Im2txtError(f"The vocabulary {path} cannot be read ({error.strerror}).") from error
    except (ValueError, SyntaxError) as error:
        raise Im2txtError(f"The vocabulary {path} is not im2txt's: {error}.") from error
    return Words(vocabulary, np.array(rows))


def read_decoder(checkpoint: Path, rows: np.ndarray) -> ShowAndTell:
    """The decoder of an im2txt checkpoint, which knows the words of these rows alone.

    Raises:
        Im2txtError: there is no such checkpoint, it is not im2txt's, or has fewer words.
    """
    reader = _open(checkpoint)
    kernel, bias = _lstm_names(reader)
    _require(checkpoint, reader, [MAP, IMAGE_WEIGHTS, kernel, bias, *LOGITS])
    embedding = reader.get_tensor(MAP)
    if len(embedding) <= rows.max():
        raise Im2txtError(
            f"The vocabulary has {len(rows)} words with <UNK>, and {checkpoint} only "
            f"{len(embedding)}; give the word_counts.txt of the same training."
        )
    image = reader.get_tensor(IMAGE_WEIGHTS)
    gates = reader.get_tensor(kernel)
    forget_bias = np.repeat(np.array([0, 0, FORGET_BIAS, 0], np.float32), gates.shape[1] // 4)
    return _decoder(
        embedding[rows],
        [image, _biases(reader, image.shape[1])],
        [*np.split(gates, [embedding.shape[1]]), reader.get_tensor(bias) + forget_bias],
        [reader.get_tensor(name)[..., rows] for name in LOGITS],
    )


def read_encoder(checkpoint: Path) -> keras.Model:
    """The encoder of an im2txt checkpoint, behind im2txt's crop of the centre.

    Returns:
        A model from "photo", uint8 RGB (1, 346, 346, 3), to {"features": float32 (1, 2048)}.

    Raises:
        Im2txtError: there is no such checkpoint, or it is not im2txt's.
    """
    try:
        weights = read_slim_inception_v3(checkpoint)
    except (FileNotFoundError, ValueError) as error:
        raise Im2txtError(f"{error}.") from error
    encoder = ENCODERS[ENCODER]
    before = (PHOTO_SIZE - encoder.size) // 2
    after = PHOTO_SIZE - encoder.size - before
    photo = keras.Input((PHOTO_SIZE, PHOTO_SIZE, 3), batch_size=1, dtype="uint8", name="photo")
    # Not CenterCrop: called outside training it turns on the training of what follows it
    # (Keras 3.15), and batch normalisation would take its mean from this photo.
    centre = layers.Cropping2D(((before, after), (before, after)), dtype="uint8")(photo)
    return keras.Model(photo, build(encoder, weights, encoder.size, batch_size=1)(centre))


def _open(checkpoint: Path) -> Any:
    prefix = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", str(checkpoint))
    try:
        return tf.train.load_checkpoint(prefix)
    except (tf.errors.OpError, ValueError) as error:
        raise Im2txtError(f"There is no checkpoint at {checkpoint}.") from error


def _lstm_names(reader: Any) -> tuple[str, str]:
    """Those that the checkpoint has; where it has none, the newest."""
    return next((names for names in LSTM_NAMES if reader.has_tensor(names[0])), LSTM_NAMES[0])


def _require(checkpoint: Path, reader: Any, names: list[str]) -> None:
    missing = [name for name in names if not reader.has_tensor(name)]
    if missing:
        raise Im2txtError(
            f"{checkpoint} is not a checkpoint of im2txt: it has no {', '.join(missing)}."
        )


def _biases(reader: Any, size: int) -> np.ndarray:
    """The image embedding's: im2txt itself has none."""
    if reader.has_tensor(IMAGE_BIASES):
        return reader.get_tensor(IMAGE_BIASES)
    return np.zeros(size, np.float32)


def _decoder(
    embedding: np.ndarray,
    image: list[np.ndarray],
    lstm: list[np.ndarray],
    logits: list[np.ndarray],
) -> ShowAndTell:
    words, size = embedding.shape
    decoder = ShowAndTell(Pooled(), words, units=len(lstm[1]), embedding=size)
    decoder(tf.zeros((1, len(image[0]))), tf.zeros((1, 1), tf.int32))
    decoder.word_embedding.set_weights([embedding])
    decoder.image_embedding.set_weights(image)
    decoder.lstm.set_weights(lstm)
    decoder.logits.set_weights(logits)
    return decoder


def _unmatched(model: keras.Model) -> Matching:
    """im2txt's decoder learned from the float encoder's features, which therefore stay as they
    are."""
    size = model.outputs[0].shape[-1]
    return Matching(np.ones(size, np.float32), np.zeros(size, np.float32))


def _encoder_facts(checkpoint: Path) -> dict[str, Any]:
    return {
        "name": ENCODER,
        "photo_size": PHOTO_SIZE,
        "cnn_size": ENCODERS[ENCODER].size,
        "weights": f"im2txt checkpoint {checkpoint.name}",
        "terms": "those of the imported checkpoint",
    }


def _decoder_facts(checkpoint: Path) -> dict[str, Any]:
    return {
        "imported_from": f"im2txt checkpoint {checkpoint.name}",
        "max_words": MAX_WORDS,
        "length_penalty": LENGTH_PENALTY,
        "trained_on": "not known: the checkpoint does not say",
        "scores": "not measured",
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    keras.config.disable_interactive_logging()  # Keras lists the variables of what it converts
    try:
        print(import_im2txt(**vars(parser.parse_args(arguments))))
    except Im2txtError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
