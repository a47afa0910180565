"""Imports a checkpoint that TensorFlow 1's own operations wrote, with im2txt's names and shapes.

The original graph is built here a second time, from im2txt's and TF-Slim's sources, and shares no
code with ours. Its weights are random: trained ones cannot be had without a download.
"""

from __future__ import annotations

import codecs
import errno
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from app.captioning.captioner import Captioner, squash
from app.captioning.checkpoint import SAMPLED
from app.captioning.vocabulary import Vocabulary
from tests.photos import NAMES, photo
from tests.training.inception import branch, normalised
from training.decoders.show_and_tell import ShowAndTell
from training.encoders import WeightsError
from training.encoders.slim import INCEPTION_V3_SCOPES, read_slim_inception_v3
from training.export import im2txt as importing
from training.export.im2txt import Im2txtError, build_decoder, build_encoder, import_im2txt
from training.export.im2txt_files import Im2txt, Words, read_decoder, read_words

v1 = tf.compat.v1

UNITS = 512
MAP_ROWS = 12000
"""im2txt's vocabulary_size, whatever the number of words."""
WORDS = 11518
START, END = 1, 2
LSTM = ("lstm/basic_lstm_cell/kernel", "lstm/basic_lstm_cell/bias")
SPOKEN = [START, 0, 57, 3210, 11517, WORDS, 4]
"""im2txt's ids; WORDS itself stands for every unknown word."""

# slim.nets.inception_v3: branches of "scope:channels:height x width", "/2" for a valid stride of 2.
DOUBLE_3X3 = "Conv2d_0a_1x1:64:1x1 Conv2d_0b_3x3:96:3x3 Conv2d_0c_3x3:96:3x3"


def mixed_5(pool, first="Conv2d_0a_1x1", second="Conv2d_0b_5x5"):
    return (
        "Conv2d_0a_1x1:64:1x1",
        f"{first}:48:1x1 {second}:64:5x5",
        DOUBLE_3X3,
        f"average Conv2d_0b_1x1:{pool}:1x1",
    )


def mixed_6(n):
    return (
        "Conv2d_0a_1x1:192:1x1",
        f"Conv2d_0a_1x1:{n}:1x1 Conv2d_0b_1x7:{n}:1x7 Conv2d_0c_7x1:192:7x1",
        f"Conv2d_0a_1x1:{n}:1x1 Conv2d_0b_7x1:{n}:7x1 Conv2d_0c_1x7:{n}:1x7 "
        f"Conv2d_0d_7x1:{n}:7x1 Conv2d_0e_1x7:192:1x7",
        "average Conv2d_0b_1x1:192:1x1",
    )


def mixed_7(third):
    return (
        "Conv2d_0a_1x1:320:1x1",
        f"Conv2d_0a_1x1:384:1x1 Conv2d_0b_1x3:384:1x3|{third}:384:3x1",
        "Conv2d_0a_1x1:448:1x1 Conv2d_0b_3x3:384:3x3 Conv2d_0c_1x3:384:1x3|Conv2d_0d_3x1:384:3x1",
        "average Conv2d_0b_1x1:192:1x1",
    )


STEM = (
    "Conv2d_1a_3x3:32:3x3/2 Conv2d_2a_3x3:32:3x3/1 Conv2d_2b_3x3:64:3x3 maximum "
    "Conv2d_3b_1x1:80:1x1/1 Conv2d_4a_3x3:192:3x3/1 maximum"
)
BLOCKS = {
    "Mixed_5b": mixed_5(32),
    "Mixed_5c": mixed_5(64, "Conv2d_0b_1x1", "Conv_1_0c_5x5"),
    "Mixed_5d": mixed_5(64),
    "Mixed_6a": (
        "Conv2d_1a_1x1:384:3x3/2",
        "Conv2d_0a_1x1:64:1x1 Conv2d_0b_3x3:96:3x3 Conv2d_1a_1x1:96:3x3/2",
        "maximum",
    ),
    "Mixed_6b": mixed_6(128),
    "Mixed_6c": mixed_6(160),
    "Mixed_6d": mixed_6(160),
    "Mixed_6e": mixed_6(192),
    "Mixed_7a": (
        "Conv2d_0a_1x1:192:1x1 Conv2d_1a_3x3:320:3x3/2",
        "Conv2d_0a_1x1:192:1x1 Conv2d_0b_1x7:192:1x7 Conv2d_0c_7x1:192:7x1 Conv2d_1a_3x3:192:3x3/2",
        "maximum",
    ),
    "Mixed_7b": mixed_7("Conv2d_0b_3x1"),
    "Mixed_7c": mixed_7("Conv2d_0c_3x1"),
}


def variable(name, shape, deviation, mean=0.0):
    """Seeded by its full name, so that no two are alike."""
    seed = zlib.crc32(f"{v1.get_variable_scope().name}/{name}".encode())
    initializer = v1.truncated_normal_initializer(mean, deviation, seed)
    return v1.get_variable(name, shape, tf.float32, initializer)


def convolution(x, layer):
    scope, channels, size = layer.split(":")
    size, _, stride = size.partition("/")
    height, width = map(int, size.split("x"))
    inputs, outputs = x.shape[-1], int(channels)
    with v1.variable_scope(scope):
        he = np.sqrt(2 / (height * width * inputs))
        weights = variable("weights", (height, width, inputs, outputs), he)
        with v1.variable_scope("BatchNorm"):
            beta = variable("beta", (outputs,), 0.1)
            mean = variable("moving_mean", (outputs,), 0.1)
            variance = variable("moving_variance", (outputs,), 0.2, mean=1)
    return normalised(x, weights, stride, mean, variance, beta)


def inception_v3(photo):
    with v1.variable_scope("InceptionV3"):
        x = branch(photo, STEM, convolution)
        for name, branches in BLOCKS.items():
            with v1.variable_scope(name):
                outputs = []
                for number, layers in enumerate(branches):
                    with v1.variable_scope(f"Branch_{number}"):
                        outputs.append(branch(x, layers, convolution))
                x = tf.concat(outputs, 3)
    return tf.reduce_mean(x, (1, 2))


def process_image(photo):
    """im2txt's image_processing.process_image at inference, of a photo that is 346 px already."""
    photo = tf.image.convert_image_dtype(photo, tf.float32)
    photo = tf.image.resize_with_crop_or_pad(photo, 299, 299)
    return (photo - 0.5) * 2.0


def basic_lstm_cell(x, c, h):
    """tf.contrib.rnn.BasicLSTMCell(num_units=512), whose forget_bias of 1 is no variable."""
    with v1.variable_scope("lstm/basic_lstm_cell", reuse=v1.AUTO_REUSE):
        kernel = variable("kernel", (x.shape[1] + UNITS, 4 * UNITS), 0.05)
        bias = variable("bias", (4 * UNITS,), 0.5)
    i, j, f, o = tf.split(tf.concat([x, h], 1) @ kernel + bias, 4, 1)
    c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
    return c, tf.tanh(c) * tf.sigmoid(o)


def im2txt(photo, words):
    """Pooled features (1, 2048), and logits (1, time, 12000) of what follows each word."""
    features = inception_v3(process_image(photo)[None])
    with v1.variable_scope("image_embedding"):
        image = features @ variable("weights", (features.shape[1], UNITS), 0.03)
    with v1.variable_scope("seq_embedding"):
        embedded = tf.nn.embedding_lookup(variable("map", (MAP_ROWS, UNITS), 0.5), words)
    with v1.variable_scope("logits"):
        weights, biases = (
            variable("weights", (UNITS, MAP_ROWS), 0.1),
            variable("biases", (MAP_ROWS,), 1.0),
        )
    c, h = basic_lstm_cell(image, *[tf.zeros((1, UNITS))] * 2)
    logits = []
    for word in range(words.shape[0]):
        c, h = basic_lstm_cell(embedded[word][None], c, h)
        logits.append(h @ weights + biases)
    v1.train.get_or_create_global_step()
    return features, tf.stack(logits, 1)


@dataclass(frozen=True)
class Original:
    """What the original graph was given, and what it said."""

    checkpoint: Path
    vocabulary: Path
    photo: np.ndarray
    """uint8 (346, 346, 3)."""
    features: np.ndarray
    logits: np.ndarray


def draw_photo() -> np.ndarray:
    """Broad shapes under fine noise."""
    random = np.random.default_rng(0)
    broad = np.kron(random.integers(0, 200, (9, 9, 3)), np.ones((39, 39, 1)))[:346, :346]
    return (broad + random.integers(0, 50, broad.shape)).astype(np.uint8)


def word_list() -> list[str]:
    return ["a", "<S>", "</S>", ".", "'s", "café", *(f"word{n}" for n in range(6, WORDS))]


def write_words(path: Path) -> Path:
    lines = [f"{word} {99999 - n}" for n, word in enumerate(word_list())]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Original:
    folder = tmp_path_factory.mktemp("im2txt")
    checkpoint, photo = folder / "model.ckpt-2000000", draw_photo()
    with tf.Graph().as_default(), v1.Session() as session:
        outputs = im2txt(tf.constant(photo), tf.constant(SPOKEN))
        session.run(v1.global_variables_initializer())
        features, logits = session.run(outputs)
        v1.train.Saver().save(session, str(checkpoint), write_meta_graph=False)
    words = write_words(folder / "word_counts.txt")
    return Original(checkpoint, words, photo, features, logits)


@pytest.fixture(scope="session")
def command(original, tmp_path_factory) -> subprocess.CompletedProcess[str]:
    """The command, run with all that is right."""
    folder = tmp_path_factory.mktemp("model_assets") / "im2txt"
    return run(original.checkpoint, original.vocabulary, folder)


@pytest.fixture(scope="session")
def imported(command) -> Path:
    return Path(command.stdout.removesuffix("\n"))


@pytest.fixture(scope="session")
def whole(original) -> Im2txt:
    """All of it, read and checked."""
    return importing.read_im2txt(original.checkpoint, original.vocabulary)


@dataclass(frozen=True)
class Ours:
    """The imported model in float, before it is converted."""

    words: Words
    encoder: keras.Model
    decoder: ShowAndTell
    features: np.ndarray

    def logits(self, spoken: list[int]) -> np.ndarray:
        return self.decoder({"pooled": self.features}, np.array([spoken], np.int32)).numpy()[0]

    def log_probability(self, words: tuple[str, ...]) -> float:
        ids = self.words.vocabulary.encode(words)
        log_probabilities = tf.nn.log_softmax(self.logits([Vocabulary.start, *ids])).numpy()
        return sum(
            row[word] for row, word in zip(log_probabilities, [*ids, Vocabulary.end], strict=True)
        )


@pytest.fixture(scope="session")
def ours(original, whole) -> Ours:
    encoder, decoder = build_encoder(whole.encoder), build_decoder(whole.decoder)
    (features,) = tf.nest.flatten(encoder(original.photo[None]))
    return Ours(read_words(original.vocabulary), encoder, decoder, features)


def run(checkpoint, vocabulary, out) -> subprocess.CompletedProcess[str]:
    options = {"--checkpoint": checkpoint, "--vocabulary": vocabulary, "--out": out}
    arguments = [str(part) for option in options.items() for part in option]
    command = [sys.executable, "-m", "training", "import-im2txt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def tiny_checkpoint(
    path: Path, kernel: str = LSTM[0], bias: str = LSTM[1], version=v1.train.SaverDef.V2, **others
) -> dict:
    """The variables of a decoder of 4 units for 12 rows of words, saved under these names.

    Args:
        others: arrays, or shapes of random ones, beside these or instead; None for none.
    """
    random = np.random.default_rng(1)
    parts = {
        "image_embedding/weights": (2048, 5),
        "seq_embedding/map": (12, 5),
        kernel: (5 + 4, 16),
        bias: (16,),
        "logits/weights": (4, 12),
        "logits/biases": (12,),
        **others,
    }
    values = {
        name: random.normal(size=part).astype("float32") if isinstance(part, tuple) else part
        for name, part in parts.items()
        if part is not None
    }
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in values.items():
            v1.get_variable(name, initializer=value)
        session.run(v1.global_variables_initializer())
        v1.train.Saver(write_version=version).save(session, str(path), write_meta_graph=False)
    return values


def in_our_order(words: int) -> np.ndarray:
    return np.array([START, END, words, 0, *range(3, words)])


def test_float_features_are_those_of_the_original_graph(original, ours):
    np.testing.assert_allclose(ours.features, original.features, atol=1e-4)
    assert original.features.std() > 0.1


def test_logits_are_those_of_the_original_graph(original, ours):
    spoken = [list(ours.words.rows).index(row) for row in SPOKEN]
    theirs = original.logits[0][:, ours.words.rows]
    np.testing.assert_allclose(ours.logits(spoken), theirs, atol=1e-4)
    assert original.logits.std() > 0.5


def test_words_are_reordered_and_spare_rows_are_dropped(original):
    words = read_words(original.vocabulary)
    assert words.vocabulary.words[:6] == ("<start>", "<end>", "<unk>", "a", ".", "'s")
    assert np.array_equal(words.rows, in_our_order(WORDS))
    assert len(words.vocabulary) == WORDS + 1 < MAP_ROWS


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_the_service_captions_with_it(imported, original, ours, engine):
    """Its weights are rounded, and so is what it says."""
    captioner = Captioner.load(imported, engine)
    assert captioner.name == "im2txt"
    assert captioner.languages == ("en",)
    encoding = captioner.encode(original.photo)
    np.testing.assert_allclose(encoding.features["pooled"], original.features[0], atol=0.05)
    best, *_ = captioner.decode(encoding, "en")
    assert 1 <= len(best.words) <= 20
    assert best.log_probability == pytest.approx(ours.log_probability(best.words), rel=0.05)


def test_the_manifest_says_that_nothing_was_measured(imported):
    manifest = json.loads((imported / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["languages"]["en"] == {
        "imported_from": "im2txt checkpoint model.ckpt-2000000",
        "max_words": 20,
        "length_penalty": 0.0,
        "trained_on": "not known: the checkpoint does not say",
        "scores": "not measured",
    }


@pytest.mark.parametrize(
    ("kernel", "bias"),
    [
        ("lstm/basic_lstm_cell/kernel", "lstm/basic_lstm_cell/bias"),
        ("lstm/basic_lstm_cell/weights", "lstm/basic_lstm_cell/biases"),
        ("lstm/BasicLSTMCell/Linear/Matrix", "lstm/BasicLSTMCell/Linear/Bias"),
    ],
)
@pytest.mark.parametrize("version", [v1.train.SaverDef.V1, v1.train.SaverDef.V2])
def test_older_names_and_files_are_read(tmp_path, kernel, bias, version):
    path = tmp_path / "model.ckpt-1"
    values = tiny_checkpoint(path, kernel, bias, version)
    decoder = build_decoder(read_decoder(path, in_our_order(9)))
    gates = np.concatenate([decoder.lstm.kernel, decoder.lstm.recurrent_kernel])
    np.testing.assert_array_equal(gates, values[kernel])
    np.testing.assert_allclose(
        decoder.lstm.bias - values[bias], np.repeat([0, 0, 1, 0], 4), atol=1e-6
    )


def test_an_image_embedding_with_biases_keeps_them(tmp_path):
    path = tmp_path / "model.ckpt-1"
    biases = "image_embedding/biases"
    values = tiny_checkpoint(path, **{biases: (5,)})
    np.testing.assert_array_equal(read_decoder(path, in_our_order(9)).image[1], values[biases])


def test_words_that_python_3_wrote_as_bytes_are_read(tmp_path, original):
    path = tmp_path / "word_counts.txt"
    lines = [f"{word.encode()!r} {99 - n}" for n, word in enumerate(word_list())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words, plain = read_words(path), read_words(original.vocabulary)
    assert words.vocabulary.words == plain.vocabulary.words
    assert np.array_equal(words.rows, plain.rows)


@pytest.mark.parametrize("words", ["<S> 9\n</S> 9\na 8\n", "b'<S>' 9\nb'</S>' 9\nb'a' 8\n"])
def test_a_byte_order_mark_is_no_part_of_a_word(tmp_path, words):
    path = tmp_path / "word_counts.txt"
    path.write_bytes(codecs.BOM_UTF8 + words.encode())
    assert read_words(path).vocabulary.words == ("<start>", "<end>", "<unk>", "a")


def test_a_file_that_lists_the_unknown_word_keeps_its_row(tmp_path):
    path = tmp_path / "word_counts.txt"
    path.write_text("<S> 9\n</S> 9\na 8\n<UNK> 5\ndog 4\n")
    words = read_words(path)
    assert words.vocabulary.words == ("<start>", "<end>", "<unk>", "a", "dog")
    assert words.rows.tolist() == [0, 1, 3, 2, 4]


@pytest.mark.parametrize("name", NAMES)
def test_the_service_takes_the_pixels_that_im2txt_took(name):
    """But for their rounding to 255 levels."""
    whole = photo(name)
    theirs = v1.image.resize_bilinear(whole[None].astype("float32"), (346, 346))[0]
    ours = np.asarray(squash(whole, 346, SAMPLED))
    assert ours.dtype == np.uint8
    np.testing.assert_allclose(ours, theirs, atol=0.501)


def test_small_photos_are_made_larger_as_im2txt_did():
    small = photo("coffee")[:40, :100]
    theirs = v1.image.resize_bilinear(small[None].astype("float32"), (346, 346))[0]
    np.testing.assert_allclose(squash(small, 346, SAMPLED), theirs, atol=0.501)


def test_the_command_says_where_the_model_is_and_nothing_else(command, imported):
    assert (command.returncode, command.stderr) == (0, "")
    assert [path.name for path in imported.parent.iterdir()] == ["im2txt"]


def test_a_refusal_is_one_sentence(tmp_path, original):
    refused = run(tmp_path / "model.ckpt-9", original.vocabulary, tmp_path / "out")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: There is no checkpoint at {tmp_path / 'model.ckpt-9'}.\n"


@pytest.fixture
def nothing_is_built(monkeypatch):
    monkeypatch.setattr(importing, "build_decoder", None)
    monkeypatch.setattr(importing, "build_encoder", None)


@pytest.fixture
def refused(nothing_is_built, tmp_path):
    """What an import says that builds and writes nothing."""
    (tmp_path / "word_counts.txt").write_text(WORD_COUNTS)

    def refused(checkpoint=None, vocabulary="word_counts.txt", name="im2txt", out="out") -> str:
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(Im2txtError) as error:
            import_im2txt(
                checkpoint or tmp_path / "model", tmp_path / vocabulary, name, tmp_path / out
            )
        assert sorted(tmp_path.rglob("*")) == before
        message = str(error.value)
        assert message.endswith(".")
        assert "\n" not in message
        return message

    return refused


WORD_COUNTS = "a 9\n<S> 8\n</S> 8\n"


def test_it_refuses_a_checkpoint_of_another_model_and_says_what_it_lacks(tmp_path, refused):
    tiny_checkpoint(tmp_path / "model", "rnn/kernel", "rnn/bias")
    assert refused() == (
        f"{tmp_path / 'model'} is not a checkpoint of im2txt: it has no "
        "lstm/basic_lstm_cell/kernel, lstm/basic_lstm_cell/bias."
    )


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({"logits/biases": None}, "is not a checkpoint of im2txt: it has no logits/biases."),
        ({"logits/weights": (4, 11)}, "shape 4 × 11, where 4 × 12 belongs"),
        ({"logits/weights": (12, 4)}, "shape 12 × 4, where 4 × 12 belongs"),
        ({"seq_embedding/map": (12, 6)}, "shape 12 × 6, where 12 × 5 belongs"),
        ({"seq_embedding/map": (5, 12)}, "shape 5 × 12, where 12 × 5 belongs"),
        ({"image_embedding/weights": (1024, 5)}, "shape 1024 × 5, where 2048 × 5 belongs"),
        ({"image_embedding/biases": (6,)}, "shape 6, where 5 belongs"),
        ({LSTM[0]: (8, 16)}, "shape 8 × 16, where 9 × 16 belongs"),
        ({LSTM[0]: (9, 12)}, "shape 9 × 12, where 9 × 16 belongs"),
        ({LSTM[1]: ()}, "shape 9 × 16, where 5 × 0 belongs"),
        ({LSTM[1]: np.full(16, np.nan, "f")}, "has 16 of 16 values that are NaN or infinite"),
        ({LSTM[1]: np.arange(16)}, "holds int64, and not floating-point numbers"),
        ({"logits/weights": (4, 3), "logits/biases": (3,)}, "4 words with <UNK>, and "),
        ({}, "is not a checkpoint of InceptionV3: it has no InceptionV3/Conv2d_1a_3x3/weights, "),
    ],
)
def test_it_refuses_a_decoder_that_does_not_fit_together(tmp_path, refused, others, sentence):
    tiny_checkpoint(tmp_path / "model", **others)
    message = refused()
    assert str(tmp_path / "model") in message
    assert sentence in message


def test_it_refuses_inception_alone(tmp_path, refused):
    tiny = dict.fromkeys(tiny_checkpoint(tmp_path / "other"))
    tiny_checkpoint(tmp_path / "model", **tiny | {"InceptionV3/Conv2d_1a_3x3/weights": (3,)})
    assert f"{tmp_path / 'model'} is Inception-v3 alone, from which im2txt's training " in refused()


def first_convolution(kernel=(3, 3, 3, 32), variance=1.0) -> dict:
    scope = "InceptionV3/Conv2d_1a_3x3"
    norms = {f"{scope}/BatchNorm/{part}": kernel[-1:] for part in ("beta", "moving_mean")}
    variances = np.full(kernel[-1:], variance, "f")
    return {f"{scope}/weights": kernel, f"{scope}/BatchNorm/moving_variance": variances, **norms}


def test_it_refuses_a_variance_that_is_none(tmp_path, refused):
    tiny_checkpoint(tmp_path / "model", **first_convolution(variance=-0.1))
    assert "Conv2d_1a_3x3/BatchNorm/moving_variance in " in refused()
    assert "is below 0, which no variance is" in refused()


def test_it_refuses_an_encoder_of_another_shape(tmp_path):
    values = {
        name.replace("InceptionV3/Conv2d_1a_3x3", f"InceptionV3/{scope}"): part
        for scope in INCEPTION_V3_SCOPES
        for name, part in first_convolution((32, 3, 3, 3)).items()
    }
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "model"),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[
            np.ones(part, "f") if isinstance(part, tuple) else part for part in values.values()
        ],
    )
    with pytest.raises(WeightsError, match="shape 32 × 3 × 3 × 3, where 3 × 3 × 3 × 32 belongs"):
        read_slim_inception_v3(tmp_path / "model")


def test_it_refuses_a_vocabulary_of_more_words_than_the_checkpoint_has(tmp_path, refused, original):
    tiny_checkpoint(tmp_path / "model")
    message = refused(vocabulary=original.vocabulary)
    assert f"has {WORDS + 1} words with <UNK>, and {tmp_path / 'model'} only 12; give" in message


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty: its download failed"),
        (b"\n\n", "it has no <S> and no </S>"),
        (b"a 9\ndog 8\n", "it has no <S> and no </S>"),
        (b"a 9\n<S> 8\n", "it has no </S>"),
        (b"<S> 9\n</S> 9\n", "it has no words to say"),
        (b"<S> 9\n</S> 9\na 5\na 4\n", "it has a twice"),
        (b"<S> 9\n</S> 9\na 5\n<start> 4\n", "it has <start>, which is Kantu's own"),
        (b"<S> 9\n</S> 9\n\xff 9\n", r"b'\xff' is no word in UTF-8"),
        ("<S> 9\n</S> 9\ncaf\xe9 9\n".encode("latin-1"), r"b'caf\xe9' is no word in UTF-8"),
        ("<S> 9\n</S> 9\na 9\n".encode("utf-16"), "is no word in UTF-8"),
        ("<S> 9\n</S> 9\na 9\n".encode("utf-16-le"), "is no word in UTF-8"),
        (b"b'<S>' 9\nb'</S>' 9\ndog 9\n", "b'dog' is no word in UTF-8"),
        (b"b'<S>' 9\nb'</S>' 9\nb'a'b' 9\n", "is no word in UTF-8"),
        (b"b'<S>' 9\nb'</S>' 9\n12 9\n", "b'12' is no word in UTF-8"),
        (b"<!DOCTYPE html>\n<title>", "is a web page; download the file itself"),
    ],
)
def test_it_refuses_a_vocabulary_that_is_none(tmp_path, refused, content, why):
    path = tmp_path / "word_counts.txt"
    path.write_bytes(content)
    message = refused()
    assert str(path) in message
    assert why in message


def test_it_refuses_a_vocabulary_that_cannot_be_read(tmp_path, refused):
    assert refused(vocabulary="none.txt").endswith(
        "none.txt cannot be read (No such file or directory)."
    )
    assert refused(vocabulary=".").endswith("cannot be read (Is a directory).")
    (tmp_path / "loop").symlink_to("loop")
    assert refused(vocabulary="loop").endswith("(Too many levels of symbolic links).")


def test_where_it_goes_is_looked_at_first(tmp_path, refused):
    """There is not even a checkpoint."""
    words = tmp_path / "word_counts.txt"
    assert refused(out=words) == f"{words} is a file and no folder; choose another --out."
    assert (
        refused(out=words / "models") == f"{words} is a file and no folder; choose another --out."
    )
    assert refused(name=words.name, out=".") == (
        f"{words} is a file; remove it, or choose another --out."
    )
    (tmp_path / "out" / "im2txt" / "photos").mkdir(parents=True)
    assert "im2txt is a folder, and no checkpoint in it; remove it, or choose" in refused()
    assert "could not be written ([Errno 36] File name too long" in refused(out="x" * 300)
    for name in ("", "..", "a/b", "a,b", " im2txt", ".hidden", "x" * 65):
        assert refused(name=name).startswith(f"{name!r} is no name for a model; take letters")


def test_it_refuses_a_folder_that_it_may_not_write(tmp_path, refused, monkeypatch):
    """root may write into any, so the answer is the test's."""
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    assert refused() == f"{tmp_path} cannot be written to; choose another --out."


@pytest.fixture
def import_whole(whole, tmp_path, monkeypatch):
    """An import of what has been read already, perhaps with something else."""

    def import_whole(**others) -> str:
        monkeypatch.setattr(importing, "read_im2txt", lambda *_: whole._replace(**others))
        with pytest.raises(Im2txtError) as error:
            import_im2txt(Path(), Path(), "im2txt", tmp_path / "new" / "out")
        assert not any(tmp_path.iterdir())
        return str(error.value)

    return import_whole


def test_it_refuses_a_disk_that_has_no_room(import_whole, nothing_is_built, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(50_000_000))
    assert import_whole().startswith("The model takes 75 MB, and the disk of ")


def test_a_write_that_fails_leaves_nothing(import_whole, monkeypatch):
    def write(folder, *_):
        folder.mkdir()
        (folder / "encoder.tflite").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(importing, "_served", lambda original: (None, None))
    monkeypatch.setattr(importing, "write_checkpoint", write)
    assert "out/im2txt could not be written ([Errno 28] No space left on device)." in import_whole()


def test_it_refuses_weights_that_say_no_numbers_of_a_photo(import_whole, whole, ours, monkeypatch):
    monkeypatch.setattr(importing, "build_encoder", lambda _: ours.encoder)
    weights, biases = whole.decoder.logits
    too_large = whole.decoder._replace(logits=(np.full_like(weights, 3e38), biases))
    assert "says of a photo is no number: its weights are too" in import_whole(decoder=too_large)


def test_it_overwrites_no_checkpoint(imported, original, nothing_is_built):
    before = (imported / "manifest.json").read_bytes()
    with pytest.raises(Im2txtError) as refused:
        import_im2txt(original.checkpoint, original.vocabulary, imported.name, imported.parent)
    assert str(refused.value) == (
        f"There is a checkpoint in {imported} already; choose another --out."
    )
    assert (imported / "manifest.json").read_bytes() == before
