"""The checkpoint that is shipped, on real photos, through both engines.

    python -m tests.app.test_shipped_checkpoint

writes the golden captions anew, after a new checkpoint was looked at and found good.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import FROZEN_GRAPH, MANIFEST
from app.captioning.engines import ENGINES
from app.captioning.objects import objects
from app.config import ROOT
from app.photos import read_photo
from tests.photos import NAMES, jpeg

SHIPPED = ROOT / "model_assets" / "kantu-2"
GOLDEN = Path(__file__).with_name("golden_captions.json")
LARGEST_ASSETS = 55_000_000
"""In bytes: of what a small server has, and of what TensorFlow alone reads."""


@pytest.fixture(scope="module")
def litert() -> Captioner:
    return Captioner.load(SHIPPED, "litert")


@pytest.fixture(scope="module")
def tensorflow() -> Captioner:
    return Captioner.load(SHIPPED, "tensorflow")


@pytest.fixture(scope="module")
def pointing() -> Captioner:
    return Captioner.load(SHIPPED, "litert", pointing=True)


def read(name: str) -> np.ndarray:
    return read_photo(jpeg(name), 10**8, 10**8)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_said_when_it_was_shipped(litert, name, language):
    """Among its three captions: on another processor two that are as likely may change places."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[name][language]
    assert golden in [caption.text for caption in litert.caption(read(name), language)]


@pytest.mark.parametrize("name", NAMES)
def test_the_engines_agree_on_how_likely_a_caption_is(litert, tensorflow, name):
    """Their best captions need not be the same: activations are rounded on one side alone."""
    for language in litert.languages:
        int8, floating = (
            {
                caption.text: caption.log_probability
                for caption in one.caption(read(name), language, 10)
            }
            for one in (litert, tensorflow)
        )
        shared = int8.keys() & floating.keys()
        assert len(shared) >= 3
        for text in shared:
            assert int8[text] == pytest.approx(floating[text], abs=1)


def crops() -> list[np.ndarray]:
    """Twelve parts of each photo: odd views, such as people send."""
    parts = []
    for name in NAMES:
        photo = read(name)
        height, width = (side // 4 for side in photo.shape[:2])
        parts += [
            photo[row * height : (row + 2) * height, column * width : (column + 1) * width]
            for row in range(3)
            for column in range(4)
        ]
    return parts


def test_no_caption_is_empty_unknown_or_in_a_loop(litert):
    for part in crops():
        encoding = litert.encode(part)
        for language in litert.languages:
            for caption in litert.decode(encoding, language, beam_width=5):
                assert caption.words
                assert "<" not in caption.text
                assert all(first != second for first, second in pairwise(caption.words))
                trigrams = list(zip(*(caption.words[at:] for at in range(3)), strict=False))
                assert len(set(trigrams)) == len(trigrams)
                assert 0 < caption.probability < 1


def test_beside_a_guess_stands_what_is_likely_and_not_said(litert):
    found = set()
    for part in crops():
        encoding = litert.encode(part)
        for language in litert.languages:
            labels = litert.labels(encoding, language)
            assert all(0.2 <= share <= 1 for share in labels.values())
            for caption in litert.decode(encoding, language, beam_width=5):
                assert labels.keys() - {*caption.words} >= {*caption.perhaps}
                assert len(caption.perhaps) <= 3
                assert caption.confidence == "guess" or not caption.perhaps
                found.update(caption.perhaps)
    assert len(found) >= 3


def test_chinese_comes_without_spaces_and_english_as_a_sentence(litert):
    for part in crops():
        encoding = litert.encode(part)
        assert " " not in litert.decode(encoding, "zh")[0].text
        english = litert.decode(encoding, "en")[0].text
        assert english[0].isupper()
        assert english.endswith(".")


@pytest.mark.parametrize(
    ("language", "sexes", "neutral"),
    [
        ("en", {"man", "woman", "men", "women"}, {"person", "people"}),
        ("zh", {"男人", "女人"}, {"人"}),
    ],
)
def test_people_are_named_without_their_sex_where_it_is_doubtful(language, sexes, neutral):
    """All of them are doubtful to one that may never be wrong."""
    captioner = Captioner.load(SHIPPED, "litert")
    models = captioner._checkpoint.languages
    assert models[language].neutral.least_share < 1
    said = {word for part in crops() for word in captioner.caption(part, language)[0].words}
    assert said & sexes
    strict = replace(models[language].neutral, least_share=1.0)
    models[language] = replace(models[language], neutral=strict)
    said = {word for part in crops() for word in captioner.caption(part, language)[0].words}
    assert said & neutral and not said & sexes


def test_it_says_how_sure_it_is(litert):
    said = {
        caption.confidence
        for part in crops()
        for language in litert.languages
        for caption in litert.caption(part, language)
    }
    assert said == {"sure", "unsure", "guess"}


def test_captions_differ_where_photos_do(litert):
    for language in litert.languages:
        assert len({litert.caption(read(name), language)[0].text for name in NAMES}) == len(NAMES)


def test_a_beam_gives_as_many_captions_as_it_is_wide(litert):
    encoding = litert.encode(read("astronaut"))
    for width in (1, 3, 10):
        assert len(litert.decode(encoding, "en", width)) == width


def test_words_point_at_what_they_name(pointing):
    """On a photo of a cat, close up, whatever the beam is like."""
    encoding = pointing.encode(read("chelsea"))
    assert encoding.regions[0].name == "cat"
    slots = 0
    for language, names in (("en", {"cat", "cats", "kitten"}), ("zh", {"猫", "小猫"})):
        for caption in pointing.decode(encoding, language, 5):
            for slot in caption.slots:
                slots += 1
                said = caption.text[slot.start : slot.end].lower()
                named = encoding.regions[slot.region].name
                assert named != "cat" or said in names
    assert slots


@pytest.mark.parametrize("engine", ENGINES)
def test_pointing_changes_nothing_that_is_said(engine):
    plain, pointing = (Captioner.load(SHIPPED, engine, pointing=one) for one in (False, True))
    assert plain.objects == () and len(pointing.objects) == 80
    for name in NAMES:
        for language in plain.languages:
            captions = plain.caption(read(name), language)
            assert not any(caption.slots for caption in captions)
            encoding = pointing.encode(read(name))
            pointed = [replace(one, slots=()) for one in pointing.decode(encoding, language)]
            # What was detected stands in the place of what is likely.
            hidden = {"perhaps": ()} if encoding.regions else {}
            assert pointed == [replace(one, **hidden) for one in captions]


def test_engines_give_the_features_that_the_manifest_names(litert, tensorflow):
    manifest = json.loads((SHIPPED / MANIFEST).read_text(encoding="utf-8"))
    for captioner in (litert, tensorflow):
        features = captioner.encode(read("coffee")).features
        shapes = {name: list(values.shape) for name, values in features.items()}
        assert shapes == manifest["features"]


def test_its_labels_begin_with_the_cat(pointing):
    labels = pointing.labels(pointing.encode(read("chelsea")), "zh")
    assert next(iter(labels)) == "猫"
    assert list(labels.values()) == sorted(labels.values(), reverse=True)


@pytest.mark.parametrize("thing", ["pizza", "zebra"])
def test_it_says_what_it_must_mention(pointing, thing):
    encoding = pointing.encode(read("coffee"))
    for language in pointing.languages:
        known = objects()[thing]
        words = set(known.zh_words if language == "zh" else sum(known.en, ()))
        best = pointing.decode(encoding, language, mention=[thing])[0]
        assert words & set(best.words)


def test_what_must_be_mentioned_is_said_though_the_photo_speaks_against_it(pointing):
    encoding = pointing.encode(read("coffee"))
    for language, names in (("en", {"dog"}), ("zh", {"狗", "小狗"})):
        best = pointing.decode(encoding, language, mention=["dog"])[0]
        assert names & {*best.words}
        assert best.log_probability > -30


def test_the_assets_stay_small():
    sizes = {path.name: path.stat().st_size for path in SHIPPED.iterdir()}
    assert sizes.pop(FROZEN_GRAPH) <= LARGEST_ASSETS
    assert sum(sizes.values()) <= LARGEST_ASSETS


def test_the_model_card_gives_the_manifest_s_scores_and_the_commands():
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "python -m training evaluate" in card
    assert "python -m training parity" in card
    manifest = json.loads((SHIPPED / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["encoder"]["name"] in card
    for language in manifest["languages"].values():
        assert f" {language['scores']['flickr8k']['CIDEr']:g} " in card


def main() -> None:
    captioner = Captioner.load(SHIPPED, "litert")
    golden = {
        name: {
            language: captioner.caption(read(name), language)[0].text
            for language in captioner.languages
        }
        for name in NAMES
    }
    text = json.dumps(golden, indent=2, ensure_ascii=False) + "\n"
    GOLDEN.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
