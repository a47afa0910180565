"""The same training on TensorFlow and on JAX, on one device and on several."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.config import ROOT
from tests.training.train import worker
from training.saving import save_json
from training.train.run_folder import load_weights, read_log, read_record

EPOCHS = 2
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
TOLERANCE = 2e-3
"""Of weights, after two epochs of Adam: the step of a weight whose gradient is next to nothing is
decided by how the gradient was rounded."""


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features") / "toys"
    worker.write_features(folder)
    return folder


@pytest.fixture(scope="module")
def untrained(features: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of no epochs: its weights are what every training here begins from."""
    run = tmp_path_factory.mktemp("untrained") / "run"
    start(run, features, 0)
    return run


@pytest.fixture(scope="module")
def expected(features: Path, untrained: Path) -> Path:
    """What TensorFlow makes of it."""
    run = beginning(untrained, untrained.parent / "tensorflow")
    start(run, features, EPOCHS)
    return run


def start(run: Path, features: Path, epochs: int, *options: str, **environment: str):
    """Trains in a process of its own, up to its end."""
    finish(begin(run, features, epochs, *options, **environment))


def begin(run: Path, features: Path, epochs: int, *options: str, **environment: str):
    command = [sys.executable, "-m", "tests.training.train.worker"]
    return subprocess.Popen(
        [*command, str(run), str(features), str(epochs), *options],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> None:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output


def test_both_backends_train_the_same(
    features: Path, untrained: Path, expected: Path, tmp_path: Path
):
    run = beginning(untrained, tmp_path / "jax")
    start(run, features, EPOCHS, **JAX)
    assert_same(run, expected)
    assert read_record(run)["legs"][0]["backends"] == ["jax"]


def test_two_devices_train_as_one_does(
    features: Path, untrained: Path, expected: Path, tmp_path: Path
):
    run = beginning(untrained, tmp_path / "devices")
    two = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    start(run, features, EPOCHS, **JAX, **two)
    assert_same(run, expected)


def test_two_processes_train_as_one_does(
    features: Path, untrained: Path, expected: Path, tmp_path: Path
):
    run = beginning(untrained, tmp_path / "processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    shared = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    processes = [
        begin(run, features, EPOCHS, **JAX, **shared, KERAS_DISTRIBUTION_PROCESS_ID=str(number))
        for number in range(2)
    ]
    for process in processes:
        finish(process)
    assert_same(run, expected)


def test_a_training_goes_on_on_another_backend(features: Path, tmp_path: Path):
    """Killed in its second stage, by the score, on TensorFlow; it ends on JAX as one run."""
    run = tmp_path / "run"
    process = begin(run, features, EPOCHS, "scored")
    while process.poll() is None and not is_in_second_stage(run):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    start(run, features, EPOCHS, "scored", **JAX)
    legs = read_record(run)["legs"]
    assert [leg["epochs_run"] for leg in legs] == [EPOCHS, worker.SCORED_EPOCHS]
    assert legs[0]["backends"] == ["tensorflow"]
    assert legs[1]["backends"][-1] == "jax"
    assert len(read_log(run, "en")) == EPOCHS + worker.SCORED_EPOCHS


def is_in_second_stage(run: Path) -> bool:
    try:
        return len(read_record(run)["legs"]) == 2
    except FileNotFoundError:
        return False


def beginning(untrained: Path, run: Path) -> Path:
    run.mkdir()
    for name in ("vocabulary_en.txt", "weights.npz"):
        shutil.copy(untrained / name, run)
    record = read_record(untrained)
    recipe = worker.recipe(EPOCHS).as_json()
    save_json(run / "run.json", record | {"recipe": recipe, "legs": []})
    return run


def assert_same(run: Path, expected: Path) -> None:
    for ours, theirs in zip(read_log(run, "en"), read_log(expected, "en"), strict=True):
        assert ours["train/loss"] == pytest.approx(theirs["train/loss"], rel=1e-4)
        assert ours["dev/perplexity"] == pytest.approx(theirs["dev/perplexity"], rel=1e-3)
    got = load_weights(run)
    for path, array in load_weights(expected).items():
        np.testing.assert_allclose(got[path], array, atol=TOLERANCE, err_msg=path)
