import keras
import numpy as np
import pytest

from training.decoders import Decoder, Ensemble, decoder_class
from training.decoders.front import front_for
from training.export.conversion import convert_decoder

FEATURES, CELLS, WORDS, UNITS, BEAM = 7, 9, 11, 5, 3
LAST = np.array([3, 4, 5], np.int32)


def member(name: str) -> Decoder:
    decoder = decoder_class(name)(front_for((CELLS, FEATURES), None), WORDS, UNITS, 6)
    decoder(np.zeros((1, CELLS, FEATURES), np.float32), np.zeros((1, 1), np.int32))
    return decoder


@pytest.fixture(params=["neural_talk show_and_tell", "top_down neural_talk soft_attention"])
def members(request: pytest.FixtureRequest) -> list[Decoder]:
    keras.utils.set_random_seed(0)
    return [member(name) for name in request.param.split()]


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, CELLS, FEATURES)).astype(np.float32)


def say(decoder: Decoder | Ensemble, photo: np.ndarray) -> np.ndarray:
    """Log-probabilities of a second word, in float."""
    state, memory = decoder.begin(decoder.front(photo))
    _, state = decoder.step(np.repeat(state, BEAM, axis=0), LAST, memory)
    return np.asarray(decoder.step(state, LAST, memory)[0])


def test_each_word_is_chosen_by_all(members: list[Decoder], photo: np.ndarray):
    votes = np.mean([say(one, photo) for one in members], axis=0)
    expected = votes - np.log(np.exp(votes).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(say(Ensemble(members), photo), expected, atol=1e-5)


def test_the_converted_ensemble_says_the_same(members: list[Decoder], photo: np.ndarray):
    from ai_edge_litert.interpreter import Interpreter

    ensemble = Ensemble(members)
    graph = Interpreter(model_content=convert_decoder(ensemble, photo.shape[1:]))
    started = graph.get_signature_runner("start")(features=photo)
    step = graph.get_signature_runner("step")
    state = np.repeat(started.pop("state"), BEAM, axis=0)
    for _ in range(2):
        following = step(state=state, words=LAST, **started)
        state = following["state"]
    np.testing.assert_allclose(following["log_probabilities"], say(ensemble, photo), atol=0.1)
