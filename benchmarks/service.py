"""What the benchmarks of the service share: starting it and asking it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CORE = 0
"""Each service is pinned to this one: that is what a small server has. Clients run beside it."""

BOUNDARY = "a-boundary-that-no-photo-holds"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    """From the first byte sent to the last received."""


@contextmanager
def serve(
    engine: str = "auto", join: Callable[[], None] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Kantu under gunicorn with the settings of deploy/; its process and port."""
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "wsgi"]
    with start(command, join, KANTU_ENGINE=engine) as started:
        yield started


@contextmanager
def start(
    command: Sequence[str], join: Callable[[], None] | None = None, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A service that listens on the PORT of its environment; its process and port.

    Args:
        join: called in the new process before it becomes the service, to put it under a limit.
    """

    def prepare() -> None:
        os.sched_setaffinity(0, {CORE})
        if join:
            join()

    port = free_port()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "KANTU_RATE_LIMIT": "off", **environment},
        preexec_fn=prepare,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise SystemExit(f"the service ended with {process.returncode}")


def form(photo: bytes, **fields: str) -> bytes:
    """The body of an upload."""
    head = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(port: int, body: bytes) -> Answer:
    """Uploads a form to the API."""
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    began = time.perf_counter()
    try:
        connection.request("POST", "/api/v1/captions", body, headers)
        response = connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - began
        return Answer(response.status, dict(response.getheaders()), content, seconds)
    finally:
        connection.close()


def captions(answer: Answer) -> list[dict[str, Any]]:
    """Of the one photo that was asked about; ends the benchmark where there are none."""
    if answer.status != 200:
        raise SystemExit(f"the service answered {answer.status}: {answer.body.decode()}")
    return json.loads(answer.body)["photos"][0]["captions"]


def enlarge(photos: Sequence[bytes], megapixels: float) -> list[bytes]:
    """The same photos with so many pixels, as a phone would have taken them."""
    # In another process: libraries that this one shared with a service would count half for it.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        return list(elsewhere.map(enlarged, photos, [megapixels] * len(photos)))


def enlarged(photo: bytes, megapixels: float) -> bytes:
    from PIL import Image

    image = Image.open(BytesIO(photo)).convert("RGB")
    factor = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    size = round(image.width * factor), round(image.height * factor)
    # Grain: a smooth picture would make a file a tenth as large as a phone's.
    grain = Image.effect_noise(size, 20).convert("RGB")
    buffer = BytesIO()
    Image.blend(image.resize(size, Image.Resampling.BICUBIC), grain, 0.1).save(
        buffer, "JPEG", quality=85
    )
    return buffer.getvalue()
