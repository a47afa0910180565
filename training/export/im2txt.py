"""Turns a checkpoint of im2txt, TensorFlow 1's Show and Tell, into one that the service loads.

im2txt is Vinyals et al. 2017, "Show and Tell: Lessons learned from the 2015 MSCOCO Image
Captioning Challenge", as published in tensorflow/models/research/im2txt. docs/im2txt.md says what
the imported model does differently.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from app.captioning.checkpoint import MANIFEST, SAMPLED
from training.decoders.show_and_tell import ShowAndTell
from training.encoders import Weights, build
from training.encoders.int8 import Matching, convert_encoder
from training.export.checkpoint import ServedEncoder, ServedLanguage, write_checkpoint
from training.export.im2txt_files import ENCODER, DecoderWeights, Im2txt, Im2txtError, read_im2txt

__all__ = ["Im2txtError", "build_decoder", "build_encoder", "import_im2txt"]

LANGUAGE = "en"
PHOTO_SIZE = 346
"""im2txt resizes photos to this height and width, and takes their centre."""
MAX_WORDS = 20
LENGTH_PENALTY = 0.0
"""im2txt ranks captions by their log-probability, whatever their length."""
NAME = re.compile(r"\w[\w.-]{0,63}")
"""What can be written in KANTU_MODELS, in an address and on any disk."""
MARGIN = 8_000_000
"""Bytes of a model's folder besides its weights, at most."""


def import_im2txt(checkpoint: Path, vocabulary: Path, name: str, out: Path) -> Path:
    """Imports a checkpoint of im2txt as the folder out/name, and returns that.

    Everything is read and checked before anything is built, and the folder appears when it is
    whole. The encoder's int8 weights are those of a dynamic-range conversion: LiteRT takes the
    ranges of the activations from each photo as it comes, so no photos are needed to calibrate
    them.

    Args:
        checkpoint: the path that TensorFlow's Saver was given, such as model.ckpt-2000000, one of
            its files, or its folder.
        vocabulary: the word_counts.txt of the same training.

    Raises:
        Im2txtError: out/name is there already or cannot be written, or a file is missing, damaged
            or not im2txt's.
    """
    folder = out / name
    try:
        place = _place(out, name)
        original = read_im2txt(checkpoint, vocabulary)
        _check_room(place, original)
        encoder, language = _served(original)
        with TemporaryDirectory(prefix=f".{name}-", dir=place) as hidden:
            written = write_checkpoint(Path(hidden) / name, encoder, {LANGUAGE: language})
            out.mkdir(parents=True, exist_ok=True)
            written.replace(folder)
    except (OSError, tf.errors.OpError) as error:
        raise Im2txtError(f"{folder} could not be written ({error}). Nothing is left of it.") from (
            error
        )
    return folder


def build_encoder(weights: Weights) -> keras.Model:
    """Inception-v3 behind im2txt's crop of the centre.

    Returns:
        A model from "photo", uint8 RGB (1, 346, 346, 3), to what build() gives of its pooled
        features, float32 (1, 2048).
    """
    before = (PHOTO_SIZE - ENCODER.size) // 2
    after = PHOTO_SIZE - ENCODER.size - before
    photo = keras.Input((PHOTO_SIZE, PHOTO_SIZE, 3), batch_size=1, dtype="uint8", name="photo")
    # Not CenterCrop: called outside training it turns on the training of what follows it
    # (Keras 3.15), and batch normalisation would take its mean from this photo.
    centre = layers.Cropping2D(((before, after), (before, after)), dtype="uint8")(photo)
    return keras.Model(photo, build(ENCODER, weights, ENCODER.size, batch_size=1)(centre))


def build_decoder(weights: DecoderWeights) -> ShowAndTell:
    words, size = weights.embedding.shape
    decoder = ShowAndTell(words, units=len(weights.lstm[1]), embedding=size)
    decoder({"pooled": tf.zeros((1, len(weights.image[0])))}, tf.zeros((1, 1), tf.int32))
    decoder.word_embedding.set_weights([weights.embedding])
    decoder.image_embedding.set_weights(weights.image)
    decoder.lstm.set_weights(weights.lstm)
    decoder.logits.set_weights(weights.logits)
    return decoder


def _place(out: Path, name: str) -> Path:
    """The folder nearest to out that is there.

    Raises:
        Im2txtError: out/name cannot be made.
        OSError: nor even looked at.
    """
    if not NAME.fullmatch(name):
        raise Im2txtError(
            f"{name!r} is no name for a model; take letters, digits, '.', '_' and '-', at most 64."
        )
    folder = out / name
    with suppress(FileNotFoundError, NotADirectoryError):
        folder.lstat()
    if (folder / MANIFEST).exists():
        raise Im2txtError(f"There is a checkpoint in {folder} already; choose another --out.")
    empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    if os.path.lexists(folder) and not empty:
        kind = "folder, and no checkpoint in it" if folder.is_dir() else "file"
        raise Im2txtError(f"{folder} is a {kind}; remove it, or choose another --out.")
    place = out
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise Im2txtError(f"{place} is a file and no folder; choose another --out.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise Im2txtError(f"{place} cannot be written to; choose another --out.")
    return place


def _check_room(place: Path, original: Im2txt) -> None:
    """Raises Im2txtError where the disk has none for int8 weights, once for each engine."""
    arrays = [
        *(array for layer in original.encoder for array in layer),
        *(array for array in (original.decoder.embedding, *original.decoder.logits)),
    ]
    needed = 2 * sum(array.size for array in arrays) + MARGIN
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Im2txtError(
            f"The model takes {needed // 10**6} MB, and the disk of {place} has "
            f"{free // 10**6} MB left; make room, or choose another --out."
        )


def _served(original: Im2txt) -> tuple[ServedEncoder, ServedLanguage]:
    """Raises Im2txtError where the weights, though each is a number, give none."""
    model, decoder = build_encoder(original.encoder), build_decoder(original.decoder)
    photo = np.full((1, PHOTO_SIZE, PHOTO_SIZE, 3), 127, np.uint8)
    logits = decoder(model(photo, training=False), np.zeros((1, 1), np.int32))
    if not np.isfinite(logits).all():
        raise Im2txtError(
            f"What {original.name} says of a photo is no number: its weights are too large. The "
            "training had failed before it was saved; give an earlier checkpoint."
        )
    encoder = ServedEncoder(
        model, convert_encoder(model), _unmatched(model), _encoder_facts(original)
    )
    return encoder, ServedLanguage(decoder, original.vocabulary, _decoder_facts(original))


def _unmatched(model: keras.Model) -> Matching:
    """im2txt's decoder learned from the float encoder's features, which therefore stay as they
    are."""
    size = model.outputs[0].shape[-1]
    return Matching(np.ones(size, np.float32), np.zeros(size, np.float32))


def _encoder_facts(original: Im2txt) -> dict[str, Any]:
    return {
        "name": ENCODER.name,
        "photo_size": PHOTO_SIZE,
        "resizing": SAMPLED,
        "cnn_size": ENCODER.size,
        "weights": f"im2txt checkpoint {original.name}",
        "terms": "those of the imported checkpoint",
    }


def _decoder_facts(original: Im2txt) -> dict[str, Any]:
    return {
        "imported_from": f"im2txt checkpoint {original.name}",
        "max_words": MAX_WORDS,
        "length_penalty": LENGTH_PENALTY,
        "trained_on": "not known: the checkpoint does not say",
        "scores": "not measured",
    }
