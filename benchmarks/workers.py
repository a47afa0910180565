"""Photos a second by the number of workers: processes of this machine, workers on a Ray cluster.

    python -m benchmarks.workers PHOTO… --copies 500

Runs `flask caption` once for each row. The time to the first photo, in which workers start and load
the model, stands in a column of its own. For Ray's rows a cluster is started here, with a node of
one processor for each worker; where Ray is not installed they are left out.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.folder import COMMAND, ROOT, fill
from benchmarks.reporting import machine, table
from benchmarks.service import free_port

WORKERS = (1, 2)


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """The address of a Ray cluster of so many nodes, each with one processor."""
    # For the nodes and for the commands that this process starts. Ray listens on all addresses of
    # this machine, and has no option against it: --node-ip-address=127.0.0.1 it replaces by another
    # address. The token alone keeps others from running here what they like.
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    # Or else a node that is told to end waits ten minutes for actors of Ray's own to move on.
    os.environ["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] = "0"
    # Or else a node gives up after twenty seconds on a machine that is busy.
    os.environ["RAY_NUM_REDIS_GET_RETRIES"] = "120"
    port, client = free_port(), free_port()
    head = ("--head", f"--port={port}", f"--ray-client-server-port={client}")
    others = [(f"--address=127.0.0.1:{port}",)] * (nodes - 1)
    started = []
    try:
        for options in (head, *others):
            started.append(_node(*options))
            _wait_for(client, started[0])
        yield f"ray://127.0.0.1:{client}"
    finally:
        for node in reversed(started):
            node.terminate()
            node.wait()


def _node(*options: str) -> subprocess.Popen[bytes]:
    common = ("--block", "--num-cpus=1", "--disable-usage-stats")
    return subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *common, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _wait_for(port: int, node: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while node.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("Ray did not start")


def measure(folder: Path, options: Sequence[str]) -> list[str]:
    """Seconds to the first photo, and photos a second from then on."""
    began = time.perf_counter()
    arguments = [str(folder), "--language", "en", *options]
    with subprocess.Popen(
        [sys.executable, "-m", *COMMAND, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout
        ends = [time.perf_counter() for _ in process.stdout]
    if process.returncode:
        raise RuntimeError(f"it ended with {process.returncode}")
    return [f"{ends[0] - began:.1f}", f"{(len(ends) - 1) / (ends[-1] - ends[0]):.1f}"]


def rows(folder: Path) -> Iterator[list[object]]:
    for workers in WORKERS:
        jobs = ["--jobs", str(workers)]
        yield [f"--jobs {workers}", *measure(folder, jobs)]
    for workers in WORKERS if find_spec("ray") else ():
        jobs = ["--jobs", str(workers)]
        with cluster(workers) as address:
            yield [f"Ray, {workers}", *measure(folder, ["--engine-cluster", address, *jobs])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--copies", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        fill(Path(temporary), given.photos, given.copies)
        measured = list(rows(Path(temporary)))
    print(f"{machine()}\n\n{table([['workers', 'to the first, s', 'photos/s'], *measured])}")


if __name__ == "__main__":
    main()
