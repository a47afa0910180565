import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from app.captioning.captioner import Captioner
from app.captioning.checkpoint import CheckpointError, open_checkpoint, sha256
from app.captioning.engines import load_engine
from app.captioning.engines.tensorflow import TensorFlowEngine
from tests.training.conftest import RECIPES, TINY, Pipeline
from training import encoders
from training.data.features import load_features
from training.decoders import Decoder
from training.decoders.front import Tail
from training.evaluation.evaluate import evaluate
from training.evaluation.parity import parity
from training.export.checkpoint import export
from training.train.runs import load_run, save_weights


@pytest.fixture(scope="module")
def engines(pipeline: Pipeline):
    checkpoint = open_checkpoint(pipeline.checkpoint)
    return [load_engine(name, checkpoint) for name in ("litert", "tensorflow")]


def photo(shade: int) -> np.ndarray:
    return np.full((224, 224, 3), shade, np.uint8)


def as_served(decoder: Decoder, features: np.ndarray) -> np.ndarray:
    """What an engine's encode() gives where the encoder gives these features to training."""
    front = decoder.front
    packed = front.pack(front(features)) if isinstance(front, Tail) else features
    return np.asarray(packed[0])


def test_the_manifest_vouches_for_every_file_but_itself(pipeline: Pipeline):
    manifest = json.loads((pipeline.checkpoint / "manifest.json").read_text())
    files = {path.name for path in pipeline.checkpoint.iterdir()} - {"manifest.json"}
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


@pytest.mark.parametrize("kind", ["pipeline", "attending"])
def test_both_engines_say_what_the_trained_decoder_says(kind: str, request: pytest.FixtureRequest):
    made = request.getfixturevalue(kind)
    random = np.random.default_rng(0)
    words = np.array([0, 3, 4], np.int32)
    for language, run in made.runs.items():
        trained = load_run(run)
        features = random.random(load_features(made.features, "dev").shape, np.float32)[None]
        state, memory = trained.decoder.start(features)
        expected, _ = trained.decoder.step(np.repeat(state, 3, axis=0), words, memory)
        for name in ("litert", "tensorflow"):
            engine = load_engine(name, open_checkpoint(made.checkpoint))
            state, step = engine.start(language, as_served(trained.decoder, features))
            said, _ = step(np.repeat(state, 3, axis=0), words)
            np.testing.assert_allclose(said, expected, atol=0.2)  # int8 weights


@pytest.mark.parametrize("name", ["litert", "tensorflow"])
def test_the_encoder_is_served_with_the_tail_that_was_trained(attending: Pipeline, name: str):
    photo = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    decoder = load_run(attending.runs["en"]).decoder
    weights = encoders.read_weights(attending.weights)
    encoder = encoders.build(TINY, weights, 224, features="map")
    expected = as_served(decoder, np.asarray(encoder(photo[None])["features"]))
    served = load_engine(name, open_checkpoint(attending.checkpoint)).encode(photo)
    assert served.shape == expected.shape
    assert np.corrcoef(served, expected)[0, 1] > 0.8  # int8, and a CNN that learned nothing


def test_runs_of_one_language_speak_together(pipeline: Pipeline, tmp_path: Path):
    run = pipeline.runs["en"]
    twice = export([run, run], pipeline.features, pipeline.weights, "twice", tmp_path)
    for engine in ("litert", "tensorflow"):
        alone, together = (
            Captioner.load(folder, engine).caption(photo(200), "en")[0]
            for folder in (pipeline.checkpoint, twice)
        )
        assert together.text == alone.text
        assert together.log_probability == pytest.approx(alone.log_probability, abs=0.05)
    manifest = json.loads((twice / "manifest.json").read_text())
    assert len(manifest["languages"]["en"]["decoders"]) == 2


def test_tails_trained_apart_are_refused(attending: Pipeline, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(attending.runs["en"], other)
    trained = load_run(other)
    tail = trained.decoder.front
    tail.set_weights([1.1 * one for one in tail.get_weights()])
    save_weights(other, trained.decoder)
    with pytest.raises(ValueError, match="have trained the encoder's tail apart"):
        export([attending.runs["en"], other], attending.features, attending.weights, "x", tmp_path)


def test_both_engines_encode_alike(engines):
    """Not the same: random weights suffer more from int8 than trained ones do."""
    for shade in (0, 90, 255):
        int8, float16 = (engine.encode(photo(shade)) for engine in engines)
        assert int8.shape == float16.shape == (1280,)
        assert np.dot(int8, float16) > 0.8 * np.linalg.norm(int8) * np.linalg.norm(float16)


@pytest.mark.parametrize("kind", ["pipeline", "attending"])
@pytest.mark.parametrize("name", ["litert", "tensorflow"])
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


@pytest.mark.parametrize("engine", ["litert", "tensorflow"])
def test_the_checkpoint_captions_in_both_languages(pipeline: Pipeline, engine):
    captioner = Captioner.load(pipeline.checkpoint, engine)
    assert captioner.languages == ("en", "zh")
    assert captioner.caption(photo(200), "en")[0].text.endswith(".")
    assert captioner.caption(photo(200), "zh")[0].text.endswith("。")


def test_weights_that_the_features_were_not_computed_with_are_refused(
    pipeline: Pipeline, tmp_path: Path
):
    (tmp_path / "other.tflite").write_bytes(b"other")
    with pytest.raises(ValueError, match="is not the file that .* was computed with"):
        export(
            list(pipeline.runs.values()),
            pipeline.features,
            tmp_path / "other.tflite",
            "tiny",
            tmp_path,
        )


def test_decoders_in_each_other_s_place_are_refused_at_start_up(pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "swapped"
    shutil.copytree(pipeline.checkpoint, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    shutil.copyfile(folder / "decoder_zh.tflite", folder / "decoder_en.tflite")
    manifest["files"]["decoder_en.tflite"] = sha256(folder / "decoder_en.tflite")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="the decoder knows .* words in 'en', its vocabulary"):
        Captioner.load(folder, "litert")


@pytest.mark.parametrize(
    ("engine", "file"), [("litert", "encoder.tflite"), ("tensorflow", "frozen_graph.pb")]
)
def test_a_graph_that_is_none_is_refused_though_its_hash_is_right(
    pipeline: Pipeline, tmp_path: Path, engine, file
):
    folder = tmp_path / "garbage"
    shutil.copytree(pipeline.checkpoint, folder)
    (folder / file).write_bytes(b"\xff" * 100)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][file] = sha256(folder / file)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="cannot run the checkpoint"):
        Captioner.load(folder, engine)


def test_checkpoints_with_the_same_encoder_share_it(pipeline: Pipeline, tmp_path: Path):
    """Its memory is taken once, and threads that use it at once do not disturb each other."""
    folder = tmp_path / "again"
    shutil.copytree(pipeline.checkpoint, folder)
    both = [Captioner.load(one, "litert") for one in (pipeline.checkpoint, folder)]
    assert len({id(one._engine._encode) for one in both}) == 1  # type: ignore[attr-defined]
    shades = [40, 90, 140, 190, 240]
    alone = [both[0].encode(photo(shade)).features for shade in shades]
    with ThreadPoolExecutor(4) as threads:
        jobs = [(model, shade) for _ in range(5) for shade in shades for model in both]
        together = list(threads.map(lambda job: job[0].encode(photo(job[1])).features, jobs))
    for (_, shade), features in zip(jobs, together, strict=True):
        assert np.array_equal(features, alone[shades.index(shade)])


def test_without_its_graph_tensorflow_is_refused_and_litert_is_not(
    pipeline: Pipeline, tmp_path: Path
):
    folder = tmp_path / "without"
    shutil.copytree(pipeline.checkpoint, folder)
    (folder / "frozen_graph.pb").unlink()
    assert Captioner.load(folder, "litert").caption(photo(200), "en")
    with pytest.raises(CheckpointError, match="has no frozen_graph.pb, which TensorFlow needs"):
        Captioner.load(folder, "tensorflow")


def test_an_engine_that_does_not_exist_is_refused(pipeline: Pipeline):
    with pytest.raises(CheckpointError, match="no engine 'abacus'"):
        Captioner.load(pipeline.checkpoint, "abacus")


def test_auto_is_litert(pipeline: Pipeline):
    checkpoint = open_checkpoint(pipeline.checkpoint)
    assert type(load_engine("auto", checkpoint)).__name__ == "LiteRTEngine"


def test_the_frozen_graph_keeps_its_parts_apart(pipeline: Pipeline):
    engine = TensorFlowEngine(open_checkpoint(pipeline.checkpoint))
    first = engine.encode(photo(0))
    engine.start("zh", first)
    assert np.array_equal(engine.encode(photo(0)), first)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_evaluate_scores_it_on_a_dataset_or_a_download(pipeline: Pipeline, tmp_path, language):
    captions = tmp_path / "captions.jsonl"
    scores = evaluate(pipeline.checkpoint, pipeline.dataset, "dev", language, captions_to=captions)
    assert scores["photos"] == 6
    assert 0 <= scores["BLEU-4"] <= scores["BLEU-1"] <= 100
    assert scores["METEOR"] is None
    assert len(captions.read_text(encoding="utf-8").splitlines()) == 6
    download = pipeline.dataset.parent / "download"
    assert evaluate(pipeline.checkpoint, download, "dev", language) == scores


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
    read = encoders.build(TINY, encoders.read_weights(pipeline.weights), TINY.size)
    assert [one.shape for one in read.weights] == [one.shape for one in original.weights]
    assert RECIPES["en"].decoder == "show_and_tell"
