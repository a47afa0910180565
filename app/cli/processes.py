"""Captions in several processes on this machine.

Each loads the model for itself, whose files are mapped: the kernel holds them once. Each has one
photo at a time, so it is known which one a process died of.
"""

from __future__ import annotations

import signal
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from app.captioning.checkpoint import CheckpointError, open_checkpoint
from app.cli.job import Job, Result, Row, Task, Worker, failed

TRIES = 2
"""Of a photo at which a process dies: it may have been the machine's memory, not the photo."""

MOST_FALSE_STARTS = 3
"""Processes in a row that die before they have loaded the model."""

READY: list[Row] = []
"""What a process sends first."""


@dataclass
class _Process:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None

    def give(self, task: Task) -> None:
        self.task = task
        with suppress(OSError):  # it has died: its pipe ends, which is seen to where it is read
            self.pipe.send(task)


class ProcessExecutor:
    def __init__(self, job: Job, count: int):
        """Raises CheckpointError."""
        checkpoint = open_checkpoint(job.folder)
        self.name = checkpoint.name
        self.languages = tuple(checkpoint.languages)
        self._job = job
        self._count = count
        self._processes: dict[Connection, _Process] = {}
        self._waiting: deque[Task] = deque()
        self._deaths: Counter[Path] = Counter()
        self._false_starts = 0

    def results(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """In the order in which they are done.

        Raises:
            CheckpointError: the engine cannot load the model, or processes die of loading it.
        """
        self._waiting.extend(tasks)
        for _ in range(min(self._count, len(tasks))):
            self._start()
        while self._waiting or any(one.task for one in self._processes.values()):
            for pipe in connection.wait(list(self._processes)):
                result = self._hear(self._processes[pipe])  # type: ignore[index]
                if result:
                    yield result

    def close(self) -> None:
        for one in self._processes.values():
            one.process.kill()  # it holds nothing that is not held here
            one.process.join()
            one.pipe.close()
        self._processes.clear()

    def _start(self) -> None:
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=_work, args=(self._job, theirs), daemon=True)
        # Ctrl-C reaches every process of a terminal. From their first moment on these leave it to
        # this one, which ends them.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        theirs.close()  # so that ours ends when the process does
        self._processes[ours] = _Process(process, ours)

    def _hear(self, one: _Process) -> Result | None:
        """What a process has done, if anything; gives it the next photo first, so that it is at
        work while this one is written."""
        try:
            said = one.pipe.recv()
        except (EOFError, OSError):
            return self._replace(one)
        if isinstance(said, CheckpointError):
            raise said
        task, one.task = one.task, None
        self._false_starts = 0
        if self._waiting:
            one.give(self._waiting.popleft())
        return Result(task.path, said) if task else None

    def _replace(self, dead: _Process) -> Result | None:
        """The error of its photo, where it is not the first to die of it."""
        del self._processes[dead.pipe]
        dead.pipe.close()
        dead.process.join()
        how = _manner(dead.process.exitcode)
        if not dead.task:
            self._false_starts += 1
            if self._false_starts == MOST_FALSE_STARTS:
                raise CheckpointError(
                    f"The processes end while they load the model, the last {how}. If there is too "
                    "little memory for them, ask for fewer --jobs."
                )
        self._start()
        return self._blame(dead.task, how) if dead.task else None

    def _blame(self, task: Task, how: str) -> Result | None:
        self._deaths[task.path] += 1
        if self._deaths[task.path] < TRIES:
            self._waiting.appendleft(task)
            return None
        message = f"{TRIES} processes ended at this photo, the last {how}. Is there enough memory?"
        return Result(task.path, failed(task.languages, "worker_died", message))


def _manner(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"by {signal.Signals(-exitcode).name}"
    return f"with exit status {exitcode}"


def _work(job: Job, pipe: Connection) -> None:
    """What each process does, until the one that started it goes, however it goes."""
    with suppress(EOFError, OSError):
        try:
            worker = Worker(job)
        except CheckpointError as error:
            pipe.send(error)
            return
        pipe.send(READY)
        while True:
            pipe.send(worker.work(pipe.recv()))
