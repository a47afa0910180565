import keras
import numpy as np
import pytest

from training.encoders import Encoder, WeightsError, build, efficientnet_lite


def tiny() -> Encoder:
    return efficientnet_lite.encoder("tiny", 0.25, 0.3, 32, "", "", "")


def weights_of(model: keras.Model) -> list[tuple[np.ndarray, np.ndarray]]:
    return [tuple(layer.get_weights()) for layer in model.layers if layer.get_weights()]


def test_weights_that_are_too_few_or_too_many_are_refused():
    weights = weights_of(build(tiny(), None, 32))
    number = len(weights)
    for wrong, many in ((weights[:-1], number - 1), ([*weights, weights[0]], number + 1)):
        with pytest.raises(WeightsError, match=f"have {many} .* tiny has {number} convolution"):
            build(tiny(), wrong, 32)


def test_a_photo_of_another_size_is_resized_inside_the_graph():
    photo = np.full((1, 48, 48, 3), 130, np.uint8)
    weights = weights_of(build(tiny(), None, 32))
    features = build(tiny(), weights, 48)(photo)["pooled"].numpy()
    same = build(tiny(), weights, 32)(photo[:, :32, :32])["pooled"].numpy()
    np.testing.assert_allclose(features, same, rtol=1e-4, atol=1e-9)
