"""Weights files: reading them, and refusing those of another encoder."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from training.data.compute import prepare_encoder
from training.encoders import ENCODERS, WeightsError, build, find_weights, read_weights

KERAS_WRITES = "ignore:__array__ implementation doesn't accept:DeprecationWarning"
VGG16 = {1: (3, 64, 64), 2: (64, 128, 128), 3: (128, *[256] * 3), 4: (256, *[512] * 3)}
VGG16[5] = (512, *[512] * 3)


def write_vgg16(path: Path) -> Path:
    """A file as Keras' download of VGG16 is: Keras 1 named its weights. All are 0 but those of the
    first layer, and 0 takes no room."""
    with h5py.File(path, "w") as file:
        layers = ["input_1"]
        file.create_group("input_1").attrs["weight_names"] = []
        for block, (inputs, *outputs) in VGG16.items():
            for number, channels in enumerate(outputs, 1):
                layers.append(f"block{block}_conv{number}")
                group = file.create_group(layers[-1])
                names = [f"{layers[-1]}_W_1:0", f"{layers[-1]}_b_1:0"]
                group.attrs["weight_names"] = [name.encode() for name in names]
                group.create_dataset(names[0], (3, 3, inputs, channels), "f4")
                group.create_dataset(names[1], (channels,), "f4")
                inputs = channels
        file["block1_conv1/block1_conv1_b_1:0"][:] = np.arange(64)
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
    return path


def randomise(model: keras.Model) -> keras.Model:
    random = np.random.default_rng(0)
    for layer in model.layers:
        layer.set_weights([random.uniform(0.1, 1, one.shape) for one in layer.get_weights()])
    return model


def weighted(model: keras.Model) -> list[list[np.ndarray]]:
    return [layer.get_weights() for layer in model.layers if layer.weights]


def assert_same(first: list, second: list) -> None:
    for layers in zip(first, second, strict=True):
        for arrays in zip(*layers, strict=True):
            np.testing.assert_array_equal(*arrays)


@pytest.mark.filterwarnings(KERAS_WRITES)
def test_a_keras_file_is_restored_layer_by_layer(tmp_path: Path):
    """InceptionV3: many layers of equal shapes, in another order than they are made in."""
    source = randomise(keras.applications.InceptionV3(include_top=False, weights=None))
    source.save_weights(tmp_path / "inception_v3.weights.h5")
    weights = read_weights(tmp_path / "inception_v3.weights.h5")
    restored = build(ENCODERS["inception_v3"], weights, 299)
    assert_same(weighted(restored), weighted(source))


@pytest.mark.filterwarnings(KERAS_WRITES)
@pytest.mark.parametrize("file", ["classifier.keras", "classifier.h5"])
def test_a_network_is_found_inside_a_classifier_that_was_built_on_it(tmp_path: Path, file):
    """As in the package that has Xception. Twelve layers, for 10 comes after 9."""
    photo = x = keras.Input((8, 8, 3))
    for _ in range(12):
        x = keras.layers.SeparableConv2D(3, 3, use_bias=False)(keras.layers.ZeroPadding2D()(x))
    network = randomise(keras.Model(photo, keras.layers.BatchNormalization()(x)))
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(6)]
    keras.Sequential([keras.Input((8, 8, 3)), network, *head]).save(tmp_path / file)
    read = read_weights(tmp_path / file)
    assert_same(sorted(read, key=len), sorted(weighted(network), key=len))


def test_weights_of_keras_1_are_restored(tmp_path: Path):
    model = build(ENCODERS["vgg16"], read_weights(write_vgg16(tmp_path / "vgg16.h5")), 224)
    kernel, bias = model.get_layer("block1_conv1").get_weights()
    assert not kernel.any()
    np.testing.assert_array_equal(bias, np.arange(64))


def test_weights_of_one_encoder_are_not_restored_into_another(tmp_path: Path, monkeypatch):
    weights = read_weights(write_vgg16(tmp_path / "weights.h5"))
    monkeypatch.setattr(keras, "Input", None)  # Nothing is built.
    for name in set(ENCODERS) - {"vgg16"}:
        with pytest.raises(WeightsError, match=f"the weights are those of vgg16, not of {name}"):
            build(ENCODERS[name], weights, 224)
    with pytest.raises(WeightsError, match="those of vgg16, not of xception"):
        prepare_encoder(
            "xception", tmp_path / "weights.h5", "pooled", tmp_path, tmp_path / "features"
        )
    assert not (tmp_path / "features").exists()
    with pytest.raises(WeightsError, match="12 convolution kernels of 14,708,736 .* vgg16 has 13"):
        build(ENCODERS["vgg16"], weights[1:], 224)


def test_files_that_are_absent_or_no_weights_are_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no weights at"):
        read_weights(tmp_path / "nothing.tflite")
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        read_weights(tmp_path / "nothing.ckpt")
    for file, sentence in {
        "weights.txt": "expected a .tflite, .pth, .h5, .keras, .ckpt or .npz file",
        "weights.npz": "holds no encoder that was trained here",
        "weights.h5": "holds no weights of Keras",
        "weights.ckpt": "is no TensorFlow checkpoint",
    }.items():
        (tmp_path / file).write_text("nothing of the kind")
        with pytest.raises(WeightsError, match=f"{file}.* {sentence}"):
            read_weights(tmp_path / file)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path):
    path = tmp_path / "resnet_v1_101.ckpt"
    tf.raw_ops.SaveV2(
        prefix=str(path), tensor_names=["resnet_v1_101/a"], shape_and_slices=[""], tensors=[1.0]
    )
    with pytest.raises(WeightsError, match="holds neither InceptionV3 nor InceptionV4"):
        read_weights(find_weights(ENCODERS["inception_v4"], path))


def test_imagenet_is_keras_own_download(tmp_path: Path, monkeypatch):
    asked = {}

    def get_file(name, url, **options):
        asked.update(options, name=name, url=url)
        return str(tmp_path / name)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    path = find_weights(ENCODERS["vgg16"], "imagenet")
    assert path == tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert asked["url"].endswith(f"keras-applications/vgg16/{path.name}")
    assert asked["file_hash"] == "6d6bbae143d832006294945121d1f1fc"
    assert find_weights(ENCODERS["vgg16"], "vgg16.h5") == Path("vgg16.h5")


def test_a_download_that_fails_says_what_to_do(monkeypatch):
    def get_file(*args, **options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(WeightsError, match="notop.h5 could not be downloaded .URL fetch failure."):
        find_weights(ENCODERS["resnet101"], "imagenet")


def test_an_encoder_that_keras_does_not_have_names_its_package():
    with pytest.raises(WeightsError, match="efficientnet-lite0-57934424.pth of efficientnet-lite0"):
        find_weights(ENCODERS["efficientnet_lite0"], "imagenet")
