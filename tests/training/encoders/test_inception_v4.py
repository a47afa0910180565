"""InceptionV4 against the original's graph, built here a second time from TensorFlow's operations.

The graph makes its variables by TF-Slim's names as it goes, with random values, for trained ones
cannot be had without a download.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.inception import branch, normalised
from training.encoders import ENCODERS, WeightsError, build, read_weights

# slim.nets.inception_v4: branches of "scope:channels", "/2" and "/1" for valid strides.
STEM = ["Conv2d_1a_3x3:32/2 Conv2d_2a_3x3:32/1 Conv2d_2b_3x3:64"]
A = [
    "Conv2d_0a_1x1:96",
    "Conv2d_0a_1x1:64 Conv2d_0b_3x3:96",
    "Conv2d_0a_1x1:64 Conv2d_0b_3x3:96 Conv2d_0c_3x3:96",
    "average Conv2d_0b_1x1:96",
]
B = [
    "Conv2d_0a_1x1:384",
    "Conv2d_0a_1x1:192 Conv2d_0b_1x7:224 Conv2d_0c_7x1:256",
    "Conv2d_0a_1x1:192 Conv2d_0b_7x1:192 Conv2d_0c_1x7:224 Conv2d_0d_7x1:224 Conv2d_0e_1x7:256",
    "average Conv2d_0b_1x1:128",
]
C = [
    "Conv2d_0a_1x1:256",
    "Conv2d_0a_1x1:384 Conv2d_0b_1x3:256|Conv2d_0c_3x1:256",
    "Conv2d_0a_1x1:384 Conv2d_0b_3x1:448 Conv2d_0c_1x3:512 Conv2d_0d_1x3:256|Conv2d_0e_3x1:256",
    "average Conv2d_0b_1x1:256",
]
BLOCKS = {
    "Mixed_3a": ["maximum", "Conv2d_0a_3x3:96/2"],
    "Mixed_4a": [
        "Conv2d_0a_1x1:64 Conv2d_1a_3x3:96/1",
        "Conv2d_0a_1x1:64 Conv2d_0b_1x7:64 Conv2d_0c_7x1:64 Conv2d_1a_3x3:96/1",
    ],
    "Mixed_5a": ["Conv2d_1a_3x3:192/2", "maximum"],
    "Mixed_5b": A,
    "Mixed_5c": A,
    "Mixed_5d": A,
    "Mixed_5e": A,
    "Mixed_6a": [
        "Conv2d_1a_3x3:384/2",
        "Conv2d_0a_1x1:192 Conv2d_0b_3x3:224 Conv2d_1a_3x3:256/2",
        "maximum",
    ],
    **{f"Mixed_6{letter}": B for letter in "bcdefgh"},
    "Mixed_7a": [
        "Conv2d_0a_1x1:192 Conv2d_1a_3x3:192/2",
        "Conv2d_0a_1x1:256 Conv2d_0b_1x7:256 Conv2d_0c_7x1:320 Conv2d_1a_3x3:320/2",
        "maximum",
    ],
    "Mixed_7b": C,
    "Mixed_7c": C,
    "Mixed_7d": C,
}
PHOTO = np.random.default_rng(1).integers(0, 256, (1, 299, 299, 3), np.uint8)
CLASSES = 1001
"""TF-Slim's: ImageNet's 1,000, and a background."""


class Original:
    def __init__(self):
        self.random = np.random.default_rng(0)
        self.variables: dict[str, np.ndarray] = {}

    def variable(self, name, shape, deviation, mean=0.0):
        values = self.random.standard_normal(shape, np.float32) * deviation + mean
        self.variables[name] = values.astype(np.float32)
        return self.variables[name]

    def convolution(self, x, scope, channels, stride):
        height, width = map(int, scope[-3:].split("x"))
        shape = (height, width, x.shape[-1], channels)
        kernel = self.variable(f"{scope}/weights", shape, np.sqrt(2 / np.prod(shape[:3])))
        beta = self.variable(f"{scope}/BatchNorm/beta", (channels,), 0.1)
        mean = self.variable(f"{scope}/BatchNorm/moving_mean", (channels,), 0.1)
        variance = self.variable(f"{scope}/BatchNorm/moving_variance", (channels,), 0.1, 1)
        return normalised(x, kernel, stride, mean, variance, beta)

    def branch(self, x, scope, layers):
        return branch(x, layers, lambda x, layer: self.step(x, scope, layer))

    def step(self, x, scope, layer):
        name, _, shape = layer.partition(":")
        channels, _, stride = shape.partition("/")
        return self.convolution(x, f"{scope}/{name}", int(channels), stride)

    def grid(self, photo):
        x = self.branch(tf.cast(photo, tf.float32) / 127.5 - 1, "InceptionV4", STEM[0])
        for block, branches in BLOCKS.items():
            scope = f"InceptionV4/{block}/Branch_"
            outputs = [self.branch(x, f"{scope}{n}", one) for n, one in enumerate(branches)]
            x = tf.concat(outputs, 3)
        return x

    def save(self, path):
        """In TensorFlow's first format, one file, which the published checkpoint has."""
        self.variable("InceptionV4/Logits/Logits/weights", (1536, CLASSES), 0.1)
        self.variable("InceptionV4/Logits/Logits/biases", (CLASSES,), 0.1)
        self.variable("InceptionV4/AuxLogits/Conv2d_1b_1x1/weights", (1, 1, 1024, 128), 0.1)
        self.variable("global_step", (), 1)
        tf.raw_ops.Save(
            filename=str(path),
            tensor_names=list(self.variables),
            data=list(self.variables.values()),
        )


@pytest.fixture(scope="module")
def original() -> Original:
    return Original()


@pytest.fixture(scope="module")
def restored(original, tmp_path_factory) -> keras.Model:
    """What reads the checkpoint of the original, which has made its variables for PHOTO."""
    original.features = original.grid(PHOTO)
    path = tmp_path_factory.mktemp("slim") / "inception_v4.ckpt"
    original.save(path)
    return build(ENCODERS["inception_v4"], read_weights(path), 299, features="grid")


def test_it_computes_what_the_original_computes_from_a_checkpoint_of_it(original, restored):
    expected = original.features
    assert expected.shape[1:] == ENCODERS["inception_v4"].grid_shape
    computed = np.reshape(restored(PHOTO)["grid"], expected.shape)
    tolerance = 1e-3 * np.max(expected)
    np.testing.assert_allclose(computed, expected, rtol=1e-3, atol=tolerance)


def test_it_has_as_many_parameters_as_the_paper_s(restored):
    """42.7 M with the classifier of 1,000 classes, of a normalisation its scale and shift: where
    both are counted, implementations agree on 42,679,816."""
    scales = sum(layer.bias.shape[0] for layer in restored.layers if layer.weights)
    assert restored.count_params() + scales + (1536 + 1) * 1000 == 42_679_816


def test_a_checkpoint_that_lacks_a_variable_is_refused_by_its_name(tmp_path: Path):
    path = tmp_path / "inception_v4.ckpt"
    tf.raw_ops.Save(
        filename=str(path),
        tensor_names=["InceptionV4/Conv2d_1a_3x3/weights"],
        data=[np.zeros((3, 3, 3, 32), np.float32)],
    )
    lacking = "has no InceptionV4/Conv2d_1a_3x3/BatchNorm/beta"
    with pytest.raises(
        WeightsError, match=f"inception_v4.ckpt is not .* of InceptionV4: it {lacking}"
    ):
        read_weights(path)
