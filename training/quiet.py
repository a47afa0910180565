"""Keeps TensorFlow's log apart from what a command has to say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_imports() -> Iterator[None]:
    """For imports of TensorFlow and LiteRT, and of what imports them.

    Their C++ parts write of the machine as they are loaded, before their own setting (which goes
    for all that follows) is read: straight to the process' stderr, which is closed to them here.
    What goes wrong with an import is an exception, and seen.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
        from absl import logging

        logging.set_verbosity(logging.ERROR)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
