from dataclasses import replace

import keras
import numpy as np
import pytest

from app.captioning.beam_search import beam_search
from app.captioning.captioner import BEAM_WIDTH, caption_rules
from tests.training.conftest import Pipeline, trained
from tests.training.train.toys import CONFIG, VOCABULARY, corpus, model
from training.data.corpus import Corpus
from training.decoders.building import build_decoder
from training.train.model import CaptioningModel
from training.train.run_folder import read_vocabulary
from training.train.sampling import Describer


@pytest.mark.parametrize("kind", ["pipeline", "attending"])
def test_photos_are_described_as_each_of_them_alone_is(kind: str, request: pytest.FixtureRequest):
    made: Pipeline = request.getfixturevalue(kind)
    served, inputs = trained(made)
    config = made.recipe.languages["en"]
    vocabulary, decoder = read_vocabulary(made.run, "en"), served.decoders["en"]
    dev = inputs.dev("en", [made.recipe.features])["flickr8k"]
    described = Describer(served, "en", vocabulary, config, vocabulary.words).describe(dev)
    rules = caption_rules(vocabulary, config.max_length, config.length_penalty, config.start)
    for photo, words in enumerate(described):
        state, memory = decoder.start(served.encode(dev.look([photo])))

        def step(state, tokens, memory=memory):
            return tuple(map(np.asarray, decoder.step(state, tokens, memory)))

        ((best, *_),) = beam_search(np.asarray(state), step, BEAM_WIDTH, rules)
        assert words == vocabulary.decode(best.words)


def test_photos_that_fill_no_batch_are_described_too():
    keras.utils.set_random_seed(1)
    describer = Describer(model(), "en", VOCABULARY, CONFIG, VOCABULARY.words)
    many = describer.describe(corpus(230))
    assert len(many) == 230
    assert set(many[::2]) == {many[0]} and set(many[1::2]) == {many[1]}
    assert many[:6] == describer.describe(corpus(6))


def test_a_photo_s_features_are_read_from_its_own_row():
    features = np.arange(12, dtype=np.float16).reshape(6, 2)
    looked = corpus(6, features).look([3, 0])
    assert looked["pooled"].tolist() == [[6, 7], [0, 1]]


def test_each_collection_is_described_in_the_style_that_most_of_its_captions_have():
    keras.utils.set_random_seed(1)
    config = replace(CONFIG, styles=(("<short>", 2), ("<long>", 4)), start="<short>")
    vocabulary = config.vocabulary(VOCABULARY, "en")
    decoders = {"en": build_decoder(config.decoders[0], len(vocabulary), {"pooled": (2,)})}
    describer = Describer(CaptioningModel(decoders), "en", vocabulary, config, ["a"])
    (words_of_three,) = corpus(2).collections
    of_two = [{"en": [["a", "ball"]]}] * 2
    short = Corpus([replace(words_of_three, captions=of_two)], "en")
    rules = {
        name: describer._rules("en", None, one.starts(config))[0].start
        for name, one in (("long", corpus(2)), ("short", short))
    }
    assert rules == {
        "long": vocabulary.words.index("<long>"),
        "short": vocabulary.words.index("<short>"),
    }
    assert len(describer.describe(short)) == 2
