import keras
import numpy as np
import pytest

from tests.training.decoders.small import SHAPES, photos, small_decoder
from training.decoders import Decoder, Ensemble
from training.export.conversion import convert_decoder

LAST = np.array([3, 4, 5], np.int32)


@pytest.fixture(params=["neural_talk show_and_tell", "top_down neural_talk soft_attention"])
def members(request: pytest.FixtureRequest) -> list[Decoder]:
    keras.utils.set_random_seed(0)
    return [small_decoder(name) for name in request.param.split()]


def second_word(decoder: Decoder | Ensemble) -> np.ndarray:
    """Log-probabilities, in float."""
    state, memory = decoder.start(photos(1))
    _, state = decoder.step(np.repeat(state, len(LAST), axis=0), LAST, memory)
    return np.asarray(decoder.step(state, LAST, memory)[0])


def test_each_word_is_chosen_by_all(members: list[Decoder]):
    votes = np.mean([second_word(one) for one in members], axis=0)
    expected = votes - np.log(np.exp(votes).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(second_word(Ensemble(members)), expected, atol=1e-5)


def test_the_converted_ensemble_says_the_same(members: list[Decoder]):
    from ai_edge_litert.interpreter import Interpreter

    ensemble = Ensemble(members)
    graph = Interpreter(model_content=convert_decoder(ensemble, SHAPES))
    given = {name: photos(1)[name] for name in ensemble.uses}
    started = graph.get_signature_runner("start")(**given)
    step = graph.get_signature_runner("step")
    state = np.repeat(started.pop("state"), len(LAST), axis=0)
    for _ in range(2):
        following = step(state=state, words=LAST, **started)
        state = following["state"]
    np.testing.assert_allclose(following["log_probabilities"], second_word(ensemble), atol=0.1)
