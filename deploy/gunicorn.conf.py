"""How gunicorn serves Kantu, on a small server and on a developer's machine.

    python -m gunicorn --config deploy/gunicorn.conf.py wsgi

HOST and PORT in the environment choose the address.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

# Only this machine, unless told otherwise: nginx, or a developer's browser.
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '5000')}"

# One process: each would hold a model of its own, and one photo at a time uses up a small server.
workers = 1
worker_class = "gthread"

# Requests that wait for the model hold a thread each. There are as many as KANTU_QUEUE lets wait by
# default and a few more, so that the next request is told 503 and /healthz still answers.
threads = 24

# Not preload_app: TensorFlow hangs in a process forked from the one that imported it.
preload_app = False

# For the start: importing TensorFlow on a slow disk takes longer than the usual 30 seconds. Later a
# request may take what it needs, for the heartbeat has a thread of its own.
timeout = 120

# The heartbeat is a file. On a disk that is busy it would stall the worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None

# No record of who sent what and when. Errors go to stderr.
accesslog = None

# A control socket in the home directory that nobody here uses.
control_socket_disable = True

_started = mmap.mmap(-1, 1)  # shared by gunicorn and its worker


def post_worker_init(worker: Any) -> None:
    """In the worker, once the application is loaded."""
    _started[0] = 1


def child_exit(server: Any, worker: Any) -> None:
    """In gunicorn, after a worker ended.

    A worker that cannot start, for a broken checkpoint say, has printed why. Gunicorn would start
    it again and again.
    """
    if not _started[0]:
        raise HaltServer("The application could not start.", Arbiter.WORKER_BOOT_ERROR)
