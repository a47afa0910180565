"""Pretrained weights, from wherever they come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from training.encoders.encoder import Encoder, Weights, WeightsError
from training.encoders.keras_files import read_keras
from training.encoders.slim import read_slim
from training.encoders.tensorflow_files import checkpoint_file
from training.saving import save_arrays

BATCH_NORM_EPSILON = 1e-3
"""EfficientNet-Lite's."""

IMAGENET = "imagenet"


def find_weights(encoder: Encoder, given: str | Path) -> Path:
    """The weights file that a user means by a path, or by "imagenet", which Keras downloads.

    Raises:
        WeightsError: Keras has none of this encoder, or the download failed.
    """
    if str(given) != IMAGENET:
        return checkpoint_file(Path(given))
    if not encoder.weights_md5:
        source = encoder.weights_package or encoder.weights_url
        raise WeightsError(
            f"Keras has no download of {encoder.name}; take {encoder.weights_file} of {source}"
        )
    name = encoder.weights_url.rsplit("/", 1)[1]
    try:
        path = keras.utils.get_file(
            name, encoder.weights_url, cache_subdir="models", file_hash=encoder.weights_md5
        )
    except Exception as error:  # Keras raises no narrower one.
        raise WeightsError(
            f"{encoder.weights_url} could not be downloaded ({error}); download it elsewhere and "
            "give the file's path"
        ) from None
    return Path(path)


def read_weights(path: Path) -> Weights:
    """Reads pretrained weights.

    Args:
        path: one of
            an int8 .tflite of EfficientNet-Lite;
            a PyTorch state dict of EfficientNet-Lite, .pth, for which PyTorch must be installed;
            a Keras file, .h5, .weights.h5 or .keras, of an encoder that Keras has;
            a TF-Slim checkpoint, .ckpt, of InceptionV3 or InceptionV4;
            an .npz that write_weights() wrote.

    Returns:
        What build() takes. Whose weights they are, build() finds out.

    Raises:
        FileNotFoundError: there is no such file.
        WeightsError: the file is of none of these kinds.
    """
    if re.search(r"\.ckpt\b", path.name):
        return read_slim(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    if path.suffix == ".tflite":
        return list(_read_tflite(path))
    if path.suffix == ".pth":
        return list(_read_pytorch(path))
    if path.suffix in (".h5", ".keras"):
        return read_keras(path)
    if path.suffix == ".npz":
        return _read_npz(path)
    raise WeightsError(f"{path.name}: expected a .tflite, .pth, .h5, .keras, .ckpt or .npz file")


def write_weights(path: Path, weights: Weights) -> None:
    """As an .npz whose arrays are called LAYER_NUMBER, in float32."""
    named: dict[str, Any] = {
        f"{layer}_{number}": array.astype(np.float32)
        for layer, arrays in enumerate(weights)
        for number, array in enumerate(arrays)
    }
    save_arrays(path, named)


def _read_npz(path: Path) -> Weights:
    layers: dict[int, list[np.ndarray]] = {}
    try:
        with np.load(path) as arrays:
            for name in arrays:
                layers.setdefault(int(name.partition("_")[0]), []).append(
                    arrays[name].astype(np.float32)
                )
    except (ValueError, BadZipFile):
        raise WeightsError(f"{path.name} holds no encoder that was trained here") from None
    return [tuple(layers[nth]) for nth in sorted(layers)]


def _read_tflite(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Weights of an int8 graph, dequantised per channel."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def dequantised(index: int) -> np.ndarray:
        quantization = details[index]["quantization_parameters"]
        values = interpreter.get_tensor(index).astype(np.float32)
        shape = [1] * values.ndim
        shape[quantization["quantized_dimension"]] = -1
        zero_points = quantization["zero_points"].reshape(shape)
        return (values - zero_points) * quantization["scales"].reshape(shape)

    for operation in interpreter._get_ops_details():
        if operation["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            kernel, bias = (dequantised(index) for index in operation["inputs"][1:3])
            yield kernel.transpose(1, 2, 3, 0), bias


def _read_pytorch(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Weights of a state dict: each convolution with the batch normalisation that follows it."""
    try:
        import torch
    except ImportError:
        raise WeightsError(f"{path.name} needs PyTorch to be read: pip install torch") from None

    state = {name: value.numpy() for name, value in torch.load(path, weights_only=True).items()}
    names = [name for name in state if name.endswith(".weight") and state[name].ndim == 4]
    for name in names:
        kernel = state[name].transpose(2, 3, 1, 0)
        depthwise = kernel.shape[2] == 1
        if depthwise:
            kernel = kernel.transpose(0, 1, 3, 2)
        norm = _following_norm(list(state), name)
        if f"{norm}.running_var" not in state:
            raise WeightsError(
                f"{path.name} is no EfficientNet-Lite: {name} is not followed by a normalisation"
            )
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        yield kernel * (scale[:, None] if depthwise else scale), bias


def _following_norm(names: list[str], convolution: str) -> str:
    return names[names.index(convolution) + 1].removesuffix(".weight")
