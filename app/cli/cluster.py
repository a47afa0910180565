"""Captions on a Ray cluster: Ray Data keeps a pool of workers that have the model loaded.

Its machines need Ray and what the server needs, nothing else. The code and the model travel from
here once. So does each photo when a worker asks for it, by number: the cluster need not see these
disks. Through `ray://` it learns no paths either. By `auto` or `HOST:6379` this command becomes a
part of the cluster, and Ray writes down its command line, in which the paths stand.

Photos and captions go through a broker, an actor of the cluster. Ray Data does not work through
Ray Client, by which `ray://` is reached, so it runs in a task of the cluster.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import ray
import ray.data

from app.captioning.checkpoint import open_checkpoint
from app.cli.job import Job, Result, Row, Task, Worker, failed, read, unreadable
from app.config import ROOT

AT_ONCE = 2
"""Photos that a worker has: one that is captioned, and one that is on its way."""

TRIES = 2
"""How often a photo is sent. A worker that dies is replaced, and asks for its photos again."""

STARTS, WAIT_SECONDS = 3, 3
"""How often, and how far apart, a cluster is asked to begin."""
KNOCK_SECONDS = 10
"""How long a machine has to say that it is there."""

TOKEN = "Does it have a token? Then set RAY_AUTH_MODE=token and the same RAY_AUTH_TOKEN here."
"""Ray tells one who has the wrong token, or none, no more than that there is no connection."""

SECONDS = 1
"""How long the broker waits for news, before one looks whether the cluster is still at it."""


class Sent(NamedTuple):
    """A photo for a worker."""

    data: bytes
    languages: tuple[str, ...]


class Broker:
    """Where workers ask for photos, by number, and captions are left."""

    def __init__(self) -> None:
        self._asked: list[int] = []
        self._captioned: list[tuple[int, list[Row]]] = []
        self._waiting: dict[int, list[asyncio.Future[Sent | None]]] = defaultdict(list)
        self._news = asyncio.Event()

    async def photo(self, number: int) -> Sent | None:
        """None where there is nothing to do."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number].append(answer)
        self._asked.append(number)
        self._news.set()
        return await answer

    async def leave(self, number: int, rows: list[Row]) -> None:
        self._captioned.append((number, rows))
        self._news.set()

    async def exchange(
        self, photos: Mapping[int, Sent | None]
    ) -> tuple[list[int], list[tuple[int, list[Row]]]]:
        """Takes photos; gives the numbers of those that are asked for, and captions."""
        for number, photo in photos.items():
            for answer in self._waiting.pop(number, []):
                answer.set_result(photo)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news.wait(), SECONDS)
        self._news.clear()
        asked, self._asked = self._asked, []
        captioned, self._captioned = self._captioned, []
        return asked, captioned


class ClusterWorker:
    """A worker of the pool."""

    def __init__(self, job: Job, broker: Any):
        self._worker = Worker(job)
        self._broker = broker

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        photo = ray.get(self._broker.photo.remote(row["item"]))
        rows = self._worker.caption(*photo) if photo else []
        return {"item": row["item"], "rows": json.dumps(rows)}


def caption_all(job: Job, broker: Any, count: int, workers: int) -> None:
    """The task that runs Ray Data: so many photos, by number, each a block of its own, so that none
    waits for another."""
    ray.data.DataContext.get_current().enable_progress_bars = False
    pool = ray.data.ActorPoolStrategy(
        size=workers, max_concurrent_calls_per_actor=AT_ONCE, enable_true_multi_threading=True
    )
    numbers = ray.data.from_items(list(range(count)), override_num_blocks=count)
    worker: Any = ClusterWorker  # Ray's types know no class here
    captioned = numbers.map(worker, fn_constructor_args=(job, broker), compute=pool)
    for row in captioned.iter_rows():
        ray.get(broker.leave.remote(row["item"], json.loads(row["rows"])))


class ClusterExecutor:
    def __init__(self, job: Job, address: str, workers: int | None):
        """Raises CheckpointError, or click.ClickException where there is no cluster.

        Args:
            address: as Ray has it: ray://HOST:10001, HOST:6379, auto, or local for a new one.
            workers: as many as the cluster has processors where it is not given.
        """
        checkpoint = open_checkpoint(job.folder)
        self.name = checkpoint.name
        self.languages = tuple(checkpoint.languages)
        self._max_bytes = job.max_bytes
        # There the model is what a worker finds in the folder that it starts in.
        self._job = replace(job, folder=Path())
        _connect(address, job.folder)
        self._workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def results(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """In the order in which they are done.

        Raises:
            click.ClickException: the cluster gave up.
        """
        if not tasks:
            return
        left = dict(enumerate(tasks))
        for number, rows in self._captioned(tasks):
            if rows and number in left:
                yield Result(left.pop(number).path, rows)
        for task in left.values():
            message = "The cluster gave no answer for this photo."
            yield Result(task.path, failed(task.languages, "worker_died", message))

    def close(self) -> None:
        ray.shutdown()

    def _captioned(self, tasks: Sequence[Task]) -> Iterator[tuple[int, list[Row]]]:
        """Numbers of tasks and their rows, none where those were given before."""
        broker: Any = ray.remote(Broker).options(num_cpus=0, max_concurrency=1000).remote()
        remote = ray.remote(caption_all).options(num_cpus=0, max_retries=0)
        run = remote.remote(self._job, broker, len(tasks), self._workers)
        sent: Counter[int] = Counter()
        photos: dict[int, Sent | None] = {}
        ended: list[Any] = []
        while not ended:
            ended, _ = ray.wait([run], timeout=0)
            asked, captioned = ray.get(broker.exchange.remote(photos))
            sent.update(asked)
            photos = {}
            for number in asked:
                read_here = self._read(tasks[number], sent[number])
                photos[number] = read_here if isinstance(read_here, Sent) else None
                captioned += [] if isinstance(read_here, Sent) else [(number, read_here)]
            yield from captioned
        _raise_what_stopped(run)

    def _read(self, task: Task, times: int) -> Sent | list[Row]:
        """A photo to send, or the error that it met."""
        if times > TRIES:
            message = f"{TRIES} workers ended while they had this photo. Is there enough memory?"
            return failed(task.languages, "worker_died", message)
        try:
            return Sent(read(task.path, self._max_bytes), task.languages)
        except OSError as error:
            return unreadable(task.languages, error)


def _init(address: str, travelling: dict[str, Any]) -> None:
    for left in reversed(range(STARTS)):
        try:
            with warnings.catch_warnings():
                # Of a port that may be closed. It is open: it was knocked at.
                warnings.filterwarnings("ignore", "Ray Client connection timed out")
                ray.init(
                    address,
                    runtime_env=travelling,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                )
            return
        except ConnectionAbortedError:
            # The cluster is still clearing up after one that was killed.
            if not left:
                raise
            time.sleep(WAIT_SECONDS)


def _connect(address: str, folder: Path) -> None:
    # Ray reports to its makers about each cluster that it starts, unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    travelling = {
        "py_modules": [str(ROOT / "app")],
        "working_dir": str(folder.resolve()),
        "excludes": ["**/__pycache__"],
    }
    try:
        _knock(address)
        _init(address, travelling)
    except Exception as error:  # of many kinds, by what is wrong
        reason = str(error).strip().split("\n")[0].rstrip(".")
        # Ray's own, for a socket's are of a more particular kind.
        advice = f" {TOKEN}" if type(error) is ConnectionError else ""
        message = f"There is no way to the cluster {address}: {reason}.{advice}"
        raise click.ClickException(message) from None


def _knock(address: str) -> None:
    """Raises OSError where nobody listens: Ray itself would go on trying for many minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


def _raise_what_stopped(run: Any) -> None:
    try:
        ray.get(run)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().split("\n")[-1]
        raise click.ClickException(
            f"The cluster gave up: {reason} What is done is kept; with --output or --format xmp "
            "the same command goes on from there."
        ) from None
