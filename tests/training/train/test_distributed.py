"""Several processes and devices of this machine stand for several machines and GPUs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.distributed_worker import RECIPE
from training.data.corpus import Batch
from training.data.tfrecord import Example
from training.data.writing import Split, new_dataset, write_metadata, write_splits
from training.recipes import SelfCritical
from training.train.distributed import choose_strategy, split
from training.train.train import prepare, train

REWARDED = replace(RECIPE, self_critical=SelfCritical(epochs=1))
TOO_LONG = 600
"""Seconds after which processes hang, and do not just share a busy machine."""


def batch_of(photos: int, each: int = 3) -> Batch:
    """Photos and words with numbers of their own; a caption has as many words as its number."""
    words = np.arange(photos * each * 4, dtype=np.int32).reshape(-1, 4)
    mask = np.arange(4) < 1 + np.arange(photos * each)[:, None] % 4
    features = np.arange(photos, dtype=np.float32)[:, None]
    return Batch(features, words, words + 1, mask.astype(np.float32))


def pairs(batches: Sequence[Batch]) -> list[tuple[float, list[int], list[int]]]:
    """The photo, words read and words said of each caption that counts."""
    return [
        (photo, inputs[counts].tolist(), targets[counts].tolist())
        for batch in batches
        for photo, inputs, targets, counts in zip(
            np.repeat(batch.features[:, 0], len(batch.inputs) // len(batch.features)),
            batch.inputs,
            batch.targets,
            batch.mask > 0,
            strict=True,
        )
        if counts.any()
    ]


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
@pytest.mark.parametrize("photos", [1, 2, 3, 6, 7])
def test_the_parts_of_a_batch_are_alike_in_size_and_have_each_caption_once(photos, parts):
    batch = batch_of(photos)
    split_up = [split(batch, part, parts) for part in range(parts)]
    assert len({(part.features.shape, part.inputs.shape) for part in split_up}) == 1
    assert pairs(split_up) == pairs([batch])
    assert {part.mask.dtype for part in split_up} == {np.dtype(np.float32)}


def test_a_part_without_photos_counts_for_nothing():
    part = split(batch_of(1), 1, 2)
    assert len(part.features) == 1
    assert not part.mask.any()


def test_a_single_device_gets_the_batch_as_it_is():
    batch, whole = batch_of(3), split(batch_of(3), 0, 1)
    for name in ("features", "inputs", "targets", "mask"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(batch, name))


def name_machines(patch: pytest.MonkeyPatch, machines: int) -> None:
    patch.setenv("TF_CONFIG", tf_config([f"localhost:{port}" for port in range(machines)], 0))


def tf_config(machines: list[str], index: int) -> str:
    return json.dumps({"cluster": {"worker": machines}, "task": {"type": "worker", "index": index}})


@pytest.mark.parametrize("machines", [None, 1])
def test_one_machine_with_one_device_is_used_as_ever(
    machines: int | None, monkeypatch: pytest.MonkeyPatch
):
    if machines:
        name_machines(monkeypatch, machines)
    assert choose_strategy(REWARDED) is tf.distribute.get_strategy()


def test_all_gpus_of_a_machine_are_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "all of them")
    assert choose_strategy(RECIPE) == "all of them"


def test_self_critical_training_uses_one_gpu_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    assert choose_strategy(REWARDED) is tf.distribute.get_strategy()
    assert "one GPU of 2 is used" in capsys.readouterr().out


def test_self_critical_training_on_several_machines_is_refused(monkeypatch: pytest.MonkeyPatch):
    name_machines(monkeypatch, 2)
    with pytest.raises(ValueError, match="self-critical training runs on one machine only"):
        choose_strategy(REWARDED)


@dataclass(frozen=True)
class Trained:
    """Where the same training went on, after the same first epoch."""

    begun: Path
    alone: Path
    machines: list[Path]
    gpus: Path
    said: list[str]
    """What each machine printed, and the one with several GPUs."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dataset of seven photos, and features of it."""
    folder = tmp_path_factory.mktemp("inputs")
    names = {"train": [f"{n}.jpg" for n in range(7)], "dev": ["7.jpg", "8.jpg"]}
    random = np.random.default_rng(0)

    def photo(name: str) -> Example:
        captions = (random.choice(list("bcdefgh"), random.integers(1, 6)) for _ in range(4))
        return Example(name, int(name[0]), b"", {"en": tuple(map(" ".join, captions))})

    with new_dataset(folder / "dataset") as new:
        splits = {
            split: Split(len(of), [photo(name) for name in of]) for split, of in names.items()
        }
        write_metadata(new, {"name": "seven", "splits": write_splits(splits, new, shards=1)})
    features = folder / "features"
    features.mkdir()
    for name, of in names.items():
        np.save(features / f"{name}.npy", random.normal(size=(1, len(of), 12)).astype(np.float16))
    (features / "features.json").write_text(json.dumps({"names": names}))
    return folder / "dataset", features


@pytest.fixture(scope="module")
def trained(inputs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("runs")
    begun = root / "begun"
    trainer = prepare(RECIPE, *inputs, begun)
    trainer.run_epoch()
    trainer.save(begun / "state.npz")
    alone, chief, gpus = (
        shutil.copytree(begun, root / name) for name in ("alone", "chief", "gpus")
    )
    machines = [chief, root / "helper"]
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    train(RECIPE, *inputs, alone)
    said = run_workers(
        [["machine", *inputs, folder] for folder in machines],
        [{"TF_CONFIG": tf_config(addresses, index)} for index in range(2)],
    )
    said += run_workers([["gpus", *inputs, gpus]], [{}])
    return Trained(begun, alone, machines, gpus, said)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def run_workers(commands: list[list], environments: list[dict[str, str]]) -> list[str]:
    """What processes print that have to end well, all together, before they take too long."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.distributed_worker", *map(str, command)],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command, environment in zip(commands, environments, strict=True)
    ]
    deadline, said = time.monotonic() + TOO_LONG, []
    try:
        for process in processes:
            said.append(process.communicate(timeout=max(0, deadline - time.monotonic()))[0])
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(said)
    return said


def epochs(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def assert_same(run: Path, other: Path) -> None:
    """Losses, scores, weights, and the optimizers' state."""
    assert [entry["epoch"] for entry in epochs(run)] == [2, 3]
    for ours, theirs in zip(epochs(run), epochs(other), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    with np.load(run / "state.npz") as ours, np.load(other / "state.npz") as theirs:
        assert set(ours) == set(theirs)
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6)


def test_two_machines_train_as_one_does(trained: Trained):
    assert_same(trained.machines[0], trained.alone)


def test_two_devices_of_one_machine_train_as_one_does(trained: Trained):
    assert_same(trained.gpus, trained.alone)


def test_the_training_changes_every_weight(trained: Trained):
    """Or the tests above would show little."""
    with (
        np.load(trained.begun / "state.npz") as before,
        np.load(trained.alone / "state.npz") as after,
    ):
        weights = [name for name in before if name.startswith("variables_")]
        still = [name for name in weights if abs(after[name] - before[name]).max() < 1e-4]
    assert len(still) == 2, "all but the mean and deviation of the features"


def test_only_the_chief_keeps_the_run(trained: Trained):
    chief, helper = trained.machines
    assert {path.name for path in chief.iterdir()} == {
        path.name for path in trained.alone.iterdir()
    }
    assert not helper.exists()
    assert "going on after epoch 1" in trained.said[0]
    assert "the chief of TF_CONFIG keeps the run folder" in trained.said[1]


def test_each_device_draws_random_numbers_of_its_own(trained: Trained):
    """The first keeps its seeds, so that training on one device stays what it was."""
    assert "seeds [[7, 0], [8, 0]]" in trained.said[2]
