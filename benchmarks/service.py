"""Memory, start-up and speed of the whole service, on LiteRT and on TensorFlow, in one run.

    python -m benchmarks.service PHOTO…

Starts gunicorn with the default settings for each engine, pinned to one core, uploads the photos
through the API, and prints what it measured and the ratios as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ENGINES = ("litert", "tensorflow")
WARM_UP = 5
CORE = 0


def measure(engine: str, photos: list[Path], requests: int) -> dict[str, float]:
    """Seconds to be ready, sum of PSS in MB idle and after the requests, and the median and 95th
    percentile of milliseconds from photo to both captions."""
    began = time.perf_counter()
    with serve(engine) as (process, port):
        wait_until_ready(port, process)
        ready = time.perf_counter() - began
        idle = pss(process.pid)
        times = [ask(port, photos[turn % len(photos)]) for turn in range(WARM_UP + requests)]
        times = sorted(times[WARM_UP:])
        return {
            "ready_s": round(ready, 2),
            "idle_pss_mb": round(idle, 1),
            "pss_mb": round(pss(process.pid), 1),
            "median_ms": round(1000 * statistics.median(times), 1),
            "p95_ms": round(1000 * times[int(0.95 * len(times))], 1),
        }


@contextmanager
def serve(engine: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "wsgi"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "KANTU_ENGINE": engine},
        preexec_fn=lambda: os.sched_setaffinity(0, {CORE}),
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=60)


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


def ask(port: int, photo: Path) -> float:
    """Seconds from sending a photo to having both captions."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + photo.read_bytes() + b"\r\n--b--\r\n"
    )
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    connection.request(
        "POST", "/api/v1/captions", body, {"Content-Type": "multipart/form-data; boundary=b"}
    )
    response = connection.getresponse()
    answer = json.loads(response.read())
    took = time.perf_counter() - began
    connection.close()
    if response.status != 200 or len(answer["photos"][0]["captions"]) != 2:
        raise SystemExit(f"{photo}: {answer}")
    return took


def pss(process: int) -> float:
    """Memory of a process and its children in MB, shared pages counted once."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    own = int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]
    return own / 1024 + sum(pss(int(child)) for child in children)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--requests", type=int, default=100)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {
        engine: measure(engine, arguments.photos, arguments.requests) for engine in ENGINES
    }
    litert, tensorflow = (figures[engine] for engine in ENGINES)
    figures["tensorflow_to_litert"] = {
        name: round(tensorflow[name] / value, 1) for name, value in litert.items()
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
