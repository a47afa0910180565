"""Imports a checkpoint that TensorFlow 1's own operations wrote, with im2txt's names and shapes.

The original graph is built here a second time, from im2txt's and TF-Slim's sources, and shares no
code with ours. Its weights are random: trained ones cannot be had without a download.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from app.captioning.captioner import Captioner
from app.captioning.vocabulary import Vocabulary
from training.decoders.show_and_tell import ShowAndTell
from training.export.im2txt import Words, main, read_decoder, read_encoder, read_words

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
    """slim.conv2d with slim.batch_norm: no bias, no scale, an epsilon of 0.001."""
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
    x = tf.nn.conv2d(x, weights, int(stride or 1), "VALID" if stride else "SAME")
    return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, beta, None, 0.001))


def branch(x, layers):
    for layer in layers.split():
        if layer == "average":
            x = tf.nn.avg_pool2d(x, 3, 1, "SAME")
        elif layer == "maximum":
            x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        else:
            x = tf.concat([convolution(x, one) for one in layer.split("|")], 3)
    return x


def inception_v3(photo):
    with v1.variable_scope("InceptionV3"):
        x = branch(photo, STEM)
        for name, branches in BLOCKS.items():
            with v1.variable_scope(name):
                outputs = []
                for number, layers in enumerate(branches):
                    with v1.variable_scope(f"Branch_{number}"):
                        outputs.append(branch(x, layers))
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
def imported(original, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model_assets") / "im2txt"
    run(original.checkpoint, original.vocabulary, folder)
    return folder


@dataclass(frozen=True)
class Ours:
    """The imported model in float, before it is converted."""

    words: Words
    decoder: ShowAndTell
    features: np.ndarray

    def logits(self, spoken: list[int]) -> np.ndarray:
        return self.decoder(self.features, np.array([spoken], np.int32)).numpy()[0]

    def log_probability(self, words: tuple[str, ...]) -> float:
        ids = self.words.vocabulary.encode(words)
        log_probabilities = tf.nn.log_softmax(self.logits([Vocabulary.start, *ids])).numpy()
        return sum(
            row[word] for row, word in zip(log_probabilities, [*ids, Vocabulary.end], strict=True)
        )


@pytest.fixture(scope="session")
def ours(original) -> Ours:
    words = read_words(original.vocabulary)
    features = read_encoder(original.checkpoint)(original.photo[None])["features"]
    return Ours(words, read_decoder(original.checkpoint, words.rows), features)


def run(checkpoint, vocabulary, out):
    options = {"--checkpoint": checkpoint, "--vocabulary": vocabulary, "--out": out}
    main([str(part) for option in options.items() for part in option])


def tiny_checkpoint(
    path: Path, kernel: str, bias: str, version=v1.train.SaverDef.V2, **others
) -> dict:
    """The variables of a decoder of 4 units for 12 rows of words, saved under these names."""
    random = np.random.default_rng(1)
    shapes = {
        "image_embedding/weights": (6, 5),
        "seq_embedding/map": (12, 5),
        kernel: (5 + 4, 16),
        bias: (16,),
        "logits/weights": (4, 12),
        "logits/biases": (12,),
        **others,
    }
    values = {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}
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
    np.testing.assert_allclose(encoding.features, original.features[0], atol=0.05)
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
    decoder = read_decoder(path, in_our_order(9))
    gates = np.concatenate([decoder.lstm.kernel, decoder.lstm.recurrent_kernel])
    np.testing.assert_array_equal(gates, values[kernel])
    np.testing.assert_allclose(
        decoder.lstm.bias - values[bias], np.repeat([0, 0, 1, 0], 4), atol=1e-6
    )


def test_an_image_embedding_with_biases_keeps_them(tmp_path):
    path = tmp_path / "model.ckpt-1"
    biases = "image_embedding/biases"
    values = tiny_checkpoint(path, *LSTM, **{biases: (5,)})
    decoder = read_decoder(path, in_our_order(9))
    np.testing.assert_array_equal(decoder.image_embedding.bias, values[biases])


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_a_checkpoint_may_be_named_by_one_of_its_files(tmp_path, suffix):
    tiny_checkpoint(tmp_path / "model.ckpt-1", *LSTM)
    assert read_decoder(tmp_path / f"model.ckpt-1{suffix}", in_our_order(9)).units == 4


def test_words_that_python_3_wrote_as_bytes_are_read(tmp_path, original):
    path = tmp_path / "word_counts.txt"
    lines = [f"{word.encode()!r} {99 - n}" for n, word in enumerate(word_list())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words, plain = read_words(path), read_words(original.vocabulary)
    assert words.vocabulary.words == plain.vocabulary.words
    assert np.array_equal(words.rows, plain.rows)


def test_a_file_that_lists_the_unknown_word_keeps_its_row(tmp_path):
    path = tmp_path / "word_counts.txt"
    path.write_text("<S> 9\n</S> 9\na 8\n<UNK> 5\ndog 4\n")
    words = read_words(path)
    assert words.vocabulary.words == ("<start>", "<end>", "<unk>", "a", "dog")
    assert words.rows.tolist() == [0, 1, 3, 2, 4]


def refused(capsys, checkpoint, vocabulary, out) -> str:
    """The one sentence that an import ends with."""
    with pytest.raises(SystemExit) as stopped:
        run(checkpoint, vocabulary, out)
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_it_refuses_a_checkpoint_that_is_not_there(tmp_path, capsys, original):
    message = refused(capsys, tmp_path / "model.ckpt-9", original.vocabulary, tmp_path / "out")
    assert message == f"There is no checkpoint at {tmp_path / 'model.ckpt-9'}.\n"


def test_it_refuses_a_checkpoint_of_another_model_and_says_what_it_lacks(
    tmp_path, capsys, original
):
    path = tmp_path / "model.ckpt-1"
    tiny_checkpoint(path, "rnn/kernel", "rnn/bias")
    message = refused(capsys, path, original.vocabulary, tmp_path / "out")
    assert message.endswith(
        "is not a checkpoint of im2txt: it has no lstm/basic_lstm_cell/kernel, "
        "lstm/basic_lstm_cell/bias.\n"
    )


def test_it_refuses_a_checkpoint_without_its_encoder(tmp_path, capsys):
    tiny_checkpoint(tmp_path / "model.ckpt-1", *LSTM)
    vocabulary = tmp_path / "word_counts.txt"
    vocabulary.write_text("a 9\n<S> 8\n</S> 8\n")
    message = refused(capsys, tmp_path / "model.ckpt-1", vocabulary, tmp_path / "out")
    assert "lacks InceptionV3/Conv2d_1a_3x3/weights" in message


def test_it_refuses_a_vocabulary_of_more_words_than_the_checkpoint_has(tmp_path, capsys, original):
    tiny_checkpoint(tmp_path / "model.ckpt-1", *LSTM)
    message = refused(capsys, tmp_path / "model.ckpt-1", original.vocabulary, tmp_path / "out")
    assert f"has {WORDS + 1} words with <UNK>, and " in message
    assert "only 12; give the word_counts.txt of the same training" in message


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a 9\ndog 8\n", "'<S>' is not in list"),
        (b"<S> 9\n</S> 9\na 5\na 4\n", "lists each word once"),
        (b"\xff 9\n", "can't decode"),
    ],
)
def test_it_refuses_a_vocabulary_that_is_none(tmp_path, capsys, original, content, why):
    path = tmp_path / "word_counts.txt"
    path.write_bytes(content)
    message = refused(capsys, original.checkpoint, path, tmp_path / "out")
    assert message.startswith(f"The vocabulary {path} is not im2txt's: ")
    assert why in message


def test_it_refuses_a_vocabulary_that_is_not_there(tmp_path, capsys, original):
    message = refused(capsys, original.checkpoint, tmp_path / "none.txt", tmp_path / "out")
    assert message.endswith("none.txt cannot be read (No such file or directory).\n")


def test_it_overwrites_no_checkpoint(capsys, imported, original):
    before = (imported / "manifest.json").read_bytes()
    message = refused(capsys, original.checkpoint, original.vocabulary, imported)
    assert message == f"There is a checkpoint in {imported} already; choose another --out.\n"
    assert (imported / "manifest.json").read_bytes() == before
