"""The settings of deploy/, with less patience."""

from runpy import run_path

globals().update(run_path("deploy/gunicorn.conf.py"))
worker_class.head_seconds = 1.0  # type: ignore[name-defined]  # noqa: F821
worker_class.request_seconds = 2.0  # type: ignore[name-defined]  # noqa: F821
