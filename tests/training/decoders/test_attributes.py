import keras
import numpy as np

from training.decoders.attributes import Attributes


def test_the_predictor_learns_which_words_are_in_a_photo_before_training():
    """Feature n says whether word n is in the photo; word 0 is in every photo, so it says nothing
    of any."""
    keras.utils.set_random_seed(0)
    mentioned = np.random.default_rng(0).random((4000, 12)) < 0.3
    mentioned[:, 0] = True
    pooled = mentioned.astype(np.float32) + 1
    decoder = Attributes(12, 5, 6, attributes=8)
    decoder({"pooled": pooled[:1]}, np.zeros((1, 1), np.int32))
    decoder.adapt({"pooled": pooled}, mentioned)
    likely = keras.ops.sigmoid(decoder.predictor(decoder.standardise(pooled))).numpy()
    for column in likely.T:
        agreement = [np.corrcoef(column, word)[0, 1] for word in mentioned[:, 1:].T]
        assert max(agreement) > 0.8
