import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import CheckpointError, open_checkpoint, sha256
from app.captioning.engines import ENGINES, load_engine
from app.captioning.engines.tensorflow import TensorFlowEngine
from tests.training.conftest import ATTENDING, TINY, Pipeline, run, small, trained
from training import encoders
from training.decoders import Decoder, Ensemble
from training.evaluation.evaluate import evaluate
from training.evaluation.parity import parity
from training.export.run import told_once
from training.inputs import Places
from training.recipes import LanguageConfig, MaximumLikelihood
from training.run import export_run, train_recipe
from training.saving import save_arrays
from training.train.run_folder import WEIGHTS, load_weights

ONE_EPOCH = (MaximumLikelihood(epochs=1, learning_rate=1e-3, batch_size=3),)


@pytest.fixture(scope="module")
def engines(pipeline: Pipeline):
    checkpoint = open_checkpoint(pipeline.checkpoint)
    return [load_engine(name, checkpoint) for name in ENGINES]


@pytest.fixture(scope="module")
def ensemble(places: Places) -> Pipeline:
    """Two decoders that choose each word together, of which one attends."""
    config = LanguageConfig((small("soft_attention"), small()))
    return run(replace(ATTENDING, languages={"en": config}, stages=ONE_EPOCH), "ensemble", places)


def photo(shade: int) -> np.ndarray:
    return np.full((224, 224, 3), shade, np.uint8)


def test_the_manifest_vouches_for_every_file_but_itself_and_the_card(pipeline: Pipeline):
    manifest = json.loads((pipeline.checkpoint / "manifest.json").read_text())
    files = {path.name for path in pipeline.checkpoint.iterdir()} - {
        "manifest.json",
        "MODEL_CARD.md",
    }
    assert manifest["files"] == {name: sha256(pipeline.checkpoint / name) for name in files}
    assert manifest["encoder"]["name"] == TINY.name
    assert manifest["languages"]["zh"]["trained_on"]["captions"] == 18 * 5


@pytest.mark.parametrize("kind", ["pipeline", "attending"])
def test_large_constants_are_stored_as_int8(kind: str, request: pytest.FixtureRequest):
    checkpoint = request.getfixturevalue(kind).checkpoint
    graph = tf.compat.v1.GraphDef.FromString((checkpoint / "frozen_graph.pb").read_bytes())
    floats = [
        tf.make_ndarray(node.attr["value"].tensor)
        for node in graph.node
        if node.op == "Const" and node.attr["dtype"].type == tf.float32.as_datatype_enum
    ]
    # What stays float are matrices too small to matter, and vectors.
    assert max(one.size for one in floats if one.ndim > 1 and min(one.shape) > 1) < 1024


@pytest.mark.parametrize("kind", ["pipeline", "attending", "ensemble"])
def test_both_engines_say_what_the_trained_decoders_say(kind: str, request: pytest.FixtureRequest):
    made = request.getfixturevalue(kind)
    model, _ = trained(made)
    checkpoint = open_checkpoint(made.checkpoint)
    shapes = json.loads((made.checkpoint / "manifest.json").read_text())["features"]
    random, words = np.random.default_rng(0), np.array([0, 3, 4], np.int32)
    features = {name: random.random(shape, np.float32) for name, shape in shapes.items()}
    for language, config in made.recipe.languages.items():
        decoders = [model.decoders[name] for name in config.named_decoders(language)]
        decoder: Decoder | Ensemble = Ensemble(decoders) if len(decoders) > 1 else decoders[0]
        state, memory = decoder.start({name: one[None] for name, one in features.items()})
        expected, _ = decoder.step(np.repeat(state, 3, axis=0), words, memory)
        for name in ENGINES:
            state, step = load_engine(name, checkpoint).start(language, features)
            served, _ = step(np.repeat(state, 3, axis=0), words)
            np.testing.assert_allclose(served, expected, atol=0.2)  # int8 weights


@pytest.mark.parametrize("name", ENGINES)
def test_the_encoder_is_served_with_the_stage_that_was_trained(attending: Pipeline, name: str):
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    model, inputs = trained(attending)
    weights = encoders.read_weights(inputs.weights)
    encoder = encoders.build(TINY, weights, 224, features="grid")
    expected = model.encode(encoder(photo[None]))
    served = load_engine(name, open_checkpoint(attending.checkpoint)).encode(photo)
    assert served.keys() == expected.keys() == {"pooled", "grid"}
    for features, array in served.items():
        wanted = np.asarray(expected[features])[0]
        assert array.shape == wanted.shape
        # int8, and a CNN that learned nothing
        assert np.corrcoef(array.ravel(), wanted.ravel())[0, 1] > 0.8


def test_languages_whose_encoder_s_stage_is_the_same_are_served_together(
    attending: Pipeline, tmp_path: Path
):
    recipe = replace(
        ATTENDING,
        languages={"zh": LanguageConfig((small("top_down"),))},
        stages=ONE_EPOCH,
        begin_from="attending",
    )
    train_recipe(recipe, tmp_path / "run", attending.places)
    both = tmp_path / "both"
    for _ in range(2):  # again, as while the training goes on
        export_run(tmp_path / "run", both, attending.places, attending.checkpoint)
    captioner = Captioner.load(both)
    assert captioner.languages == ("en", "zh")
    for language, ending in (("en", "."), ("zh", "。")):
        assert captioner.caption(photo(200), language)[0].text.endswith(ending)
    # Rounded to int8 once more: two that are nearly as likely may change places.
    before, after = (
        {one.text: one.log_probability for one in each.caption(photo(200), "en", 10)}
        for each in (Captioner.load(attending.checkpoint), captioner)
    )
    shared = before.keys() & after.keys()
    assert shared
    for text in shared:
        assert after[text] == pytest.approx(before[text], abs=0.5)
    kept, taken = (
        json.loads((one / "manifest.json").read_text())["languages"]["en"]
        for one in (attending.checkpoint, both)
    )
    assert taken["repeatable"] == kept["repeatable"]


def test_stages_trained_apart_are_refused(attending: Pipeline, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(attending.run, folder)
    weights = load_weights(folder)
    weights["encoder_stage/head/kernel"] = 1.1 * weights["encoder_stage/head/kernel"]
    save_arrays(folder / WEIGHTS, weights)
    with pytest.raises(ValueError, match="have trained the encoder's stage apart"):
        export_run(folder, tmp_path / "both", attending.places, attending.checkpoint)


def test_both_engines_encode_alike(engines):
    """Not the same: random weights suffer more from int8 than trained ones do."""
    for shade in (0, 90, 255):
        int8, float16 = (engine.encode(photo(shade))["pooled"] for engine in engines)
        assert int8.shape == float16.shape == (1280,)
        assert np.dot(int8, float16) > 0.8 * np.linalg.norm(int8) * np.linalg.norm(float16)


@pytest.mark.parametrize("kind", ["pipeline", "attending"])
@pytest.mark.parametrize("name", ENGINES)
def test_one_hypothesis_or_many_at_a_time_makes_no_difference(
    kind: str, name: str, request: pytest.FixtureRequest
):
    engine = load_engine(name, open_checkpoint(request.getfixturevalue(kind).checkpoint))
    state, step = engine.start("en", engine.encode(photo(100)))
    state = np.repeat(state, 4, axis=0)
    words = np.array([3, 4, 5, 6], np.int32)
    together, _ = step(state, words)
    for row in range(4):
        alone, _ = step(state[row : row + 1], words[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_checkpoint_captions_in_both_languages(pipeline: Pipeline, engine):
    captioner = Captioner.load(pipeline.checkpoint, engine)
    assert captioner.languages == ("en", "zh")
    assert captioner.caption(photo(200), "en")[0].text.endswith(".")
    assert captioner.caption(photo(200), "zh")[0].text.endswith("。")


def changed(checkpoint: Path, folder: Path, file: str, content: bytes) -> Path:
    """A copy with another file, for which the manifest vouches."""
    shutil.copytree(checkpoint, folder)
    (folder / file).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][file] = sha256(folder / file)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_decoders_in_each_other_s_place_are_refused_at_start_up(pipeline: Pipeline, tmp_path: Path):
    other = (pipeline.checkpoint / "decoder_zh.tflite").read_bytes()
    folder = changed(pipeline.checkpoint, tmp_path / "swapped", "decoder_en.tflite", other)
    with pytest.raises(CheckpointError, match="the decoder knows .* words in 'en', its vocabulary"):
        Captioner.load(folder, "litert")
    with pytest.raises(CheckpointError, match="the decoder knows .* words in 'en', its vocabulary"):
        evaluate(folder, pipeline.dataset, "dev", "en", engine="litert")


@pytest.mark.parametrize(
    ("engine", "file"), [("litert", "encoder.tflite"), ("tensorflow", "frozen_graph.pb")]
)
def test_a_graph_that_is_none_is_refused_though_its_hash_is_right(
    pipeline: Pipeline, tmp_path: Path, engine: str, file: str
):
    folder = changed(pipeline.checkpoint, tmp_path / "garbage", file, b"\xff" * 100)
    with pytest.raises(CheckpointError, match="cannot run the checkpoint"):
        Captioner.load(folder, engine)


def test_checkpoints_with_the_same_encoder_share_it(pipeline: Pipeline, tmp_path: Path):
    """Its memory is taken once, and threads that use it at once do not disturb each other."""
    folder = tmp_path / "again"
    shutil.copytree(pipeline.checkpoint, folder)
    both = [Captioner.load(one, "litert") for one in (pipeline.checkpoint, folder)]
    assert len({id(one._engine._encoder[0]) for one in both}) == 1  # type: ignore[attr-defined]
    shades = [40, 90, 140, 190, 240]
    alone = [both[0].encode(photo(shade)).features["pooled"] for shade in shades]
    with ThreadPoolExecutor(4) as threads:
        jobs = [(model, shade) for _ in range(5) for shade in shades for model in both]
        together = list(threads.map(lambda job: job[0].encode(photo(job[1])), jobs))
    for (_, shade), encoding in zip(jobs, together, strict=True):
        assert np.array_equal(encoding.features["pooled"], alone[shades.index(shade)])


def test_without_its_graph_tensorflow_is_refused_and_litert_is_not(
    pipeline: Pipeline, tmp_path: Path
):
    folder = tmp_path / "without"
    shutil.copytree(pipeline.checkpoint, folder)
    (folder / "frozen_graph.pb").unlink()
    assert Captioner.load(folder, "litert").caption(photo(200), "en")
    with pytest.raises(CheckpointError, match="has no frozen_graph.pb, which TensorFlow needs"):
        Captioner.load(folder, "tensorflow")


def test_auto_is_litert_and_an_engine_that_does_not_exist_is_refused(pipeline: Pipeline):
    checkpoint = open_checkpoint(pipeline.checkpoint)
    assert type(load_engine("auto", checkpoint)).__name__ == "LiteRTEngine"
    with pytest.raises(CheckpointError, match="no engine 'abacus'"):
        Captioner.load(pipeline.checkpoint, "abacus")


def test_the_frozen_graph_keeps_its_parts_apart(pipeline: Pipeline):
    engine = TensorFlowEngine(open_checkpoint(pipeline.checkpoint))
    first = engine.encode(photo(0))
    engine.start("zh", first)
    assert np.array_equal(engine.encode(photo(0))["pooled"], first["pooled"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_evaluate_scores_it_on_a_dataset(pipeline: Pipeline, tmp_path: Path, language: str):
    captions = tmp_path / "captions.jsonl"
    scores = evaluate(pipeline.checkpoint, pipeline.dataset, "dev", language, captions_to=captions)
    assert scores["photos"] == 6
    assert 0 <= scores["BLEU-4"] <= scores["BLEU-1"] <= 100
    assert scores["METEOR"] is None
    assert len(captions.read_text(encoding="utf-8").splitlines()) == 6


def test_evaluate_scores_another_style_where_the_checkpoint_has_it(
    pipeline: Pipeline, tmp_path: Path
):
    # With its colours, of which it is so unsure that it would leave them all out and score nothing.
    checkpoint = tmp_path / "colourful"
    shutil.copytree(pipeline.checkpoint, checkpoint)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    del manifest["languages"]["en"]["details"]
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    arguments = checkpoint, pipeline.dataset, "dev", "en"
    usual = evaluate(*arguments, start="<start>")
    assert usual == evaluate(*arguments)
    assert evaluate(*arguments, start="<unk>")["CIDEr"] != usual["CIDEr"]
    with pytest.raises(ValueError, match="has no style <long>, only <start>"):
        evaluate(*arguments, start="<long>")


def test_parity_compares_the_engines_on_the_same_photos(pipeline: Pipeline):
    compared = parity(pipeline.checkpoint, pipeline.dataset, "dev", "en")
    scores = evaluate(pipeline.checkpoint, pipeline.dataset, "dev", "en", engine="litert")
    assert compared["photos"] == scores["photos"]
    assert compared["litert"]["CIDEr"] == scores["CIDEr"]
    assert 0 <= compared["identical_captions"] <= 100


def test_evaluate_refuses_a_language_the_checkpoint_does_not_speak(pipeline: Pipeline):
    with pytest.raises(ValueError, match="captions in en, zh, not in 'zh_translated'"):
        evaluate(pipeline.checkpoint, pipeline.dataset, "dev", "zh_translated")


def test_pretrained_weights_survive_being_read_from_a_quantised_file(pipeline: Pipeline):
    original = encoders.build(TINY, None, TINY.size)
    weights = encoders.read_weights(pipeline.places.weights / TINY.weights_file)
    read = encoders.build(TINY, weights, TINY.size)
    assert [one.shape for one in read.weights] == [one.shape for one in original.weights]


def test_what_a_training_began_from_is_told_once():
    first = {"recipe": "first", "began_from": None}
    second = {"recipe": "second", "began_from": {"checkpoint": "a", "training": {"en": first}}}
    both = {"checkpoint": "b", "training": {"en": second, "zh": second | {"legs": ["zh"]}}}
    record = {"recipe": "third", "began_from": both}
    told = told_once(record)
    assert told["began_from"]["training"] == {
        "en": second,
        "zh": {"recipe": "second", "legs": ["zh"]},
    }
    assert record["began_from"]["training"]["zh"]["began_from"], "the given one stays as it is"
    apart = {"en": second, "zh": second | {"began_from": None}}
    other = told_once({"began_from": {"checkpoint": "b", "training": apart}})
    assert other["began_from"]["training"] == apart, "which began apart"


def test_a_beginning_that_does_not_say_how_it_was_trained_is_told_as_it_is():
    record = {"legs": [], "began_from": {"checkpoint": "of-before", "training": None}}
    assert told_once(record) == record
