from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import open_checkpoint
from app.captioning.vocabulary import START, Vocabulary
from tests.training.conftest import RECIPES, Pipeline
from training.data.corpus import batches
from training.data.loading import load_corpus
from training.export.checkpoint import export
from training.recipes import Likelihood
from training.train.styles import compare
from training.train.train import train

SPOKEN = replace(
    RECIPES["zh"],
    styles=(("<short>", 3), ("<long>", 20)),
    translated_style="<translated>",
    style="<long>",
    likelihood=Likelihood(epochs=2),
)


@pytest.fixture(scope="module")
def run(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("styles") / "zh"
    train(SPOKEN, pipeline.dataset, pipeline.features, folder)
    return folder


def test_a_caption_begins_with_the_style_of_its_length():
    assert SPOKEN.start_of(["一", "二", "三"]) == "<short>"
    assert SPOKEN.start_of(["一"] * 4) == "<long>"
    assert SPOKEN.start_of(["一"] * 40) == "<long>"
    assert SPOKEN.start_of(["一"], translated=True) == "<translated>"
    assert RECIPES["zh"].start_of(["一"]) == START


def test_captions_and_translations_are_learned_from_each_in_its_style(pipeline: Pipeline):
    corpus = load_corpus(pipeline.dataset, pipeline.features, "train", "zh", translated=True)
    words = Vocabulary.load(pipeline.dataset / "vocabulary_zh.txt")
    vocabulary = SPOKEN.vocabulary(words)
    starts = {
        vocabulary.words[row[0]]
        for batch in batches(corpus, vocabulary, SPOKEN, 0)
        for row in batch.inputs
    }
    assert starts == {"<long>", "<translated>"}


def test_dev_is_measured_by_what_people_wrote(pipeline: Pipeline):
    dev = load_corpus(pipeline.dataset, pipeline.features, "dev", "zh")
    assert not dev.translated


def test_each_style_is_compared_on_both_kinds_of_reference(pipeline: Pipeline, run: Path):
    figures, lines = compare(run, pipeline.dataset, pipeline.features)
    assert [one["style"] for one in figures] == ["<short>", "<long>", "<translated>"]
    for one in figures:
        assert {"BLEU-4", "CIDEr"} <= set(one["written"]) & set(one["translated"])
    assert len(lines) == 6
    assert set(lines[0]) == {"photo", "<short>", "<long>", "<translated>"}


def test_a_decoder_without_styles_is_refused(pipeline: Pipeline):
    with pytest.raises(ValueError, match="knows no styles"):
        compare(pipeline.runs["zh"], pipeline.dataset, pipeline.features)


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_the_service_speaks_the_style_and_never_says_its_name(
    pipeline: Pipeline, run: Path, tmp_path: Path, engine: str
):
    folder = export([run], pipeline.features, pipeline.weights, "styled", tmp_path)
    assert open_checkpoint(folder).languages["zh"].start == "<long>"
    captioner = Captioner.load(folder, engine)
    for caption in captioner.caption(np.zeros((50, 60, 3), np.uint8), "zh", beam_width=8):
        assert not any(word.startswith("<") for word in caption.words)
