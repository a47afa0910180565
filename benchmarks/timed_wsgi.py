"""Kantu as it is, but that each answer tells its stages. For gunicorn, in place of `wsgi`.

The product holds no timers: its functions are wrapped here, before the application is made.
"""

from __future__ import annotations

from app import create_app, photos
from app.captioning import captioner
from app.captioning.checkpoint import Checkpoint
from app.captioning.engines import Engine, load_engine
from app.photos import jpeg
from benchmarks import stages
from benchmarks.stages import timed


def load_timed_engine(name: str, checkpoint: Checkpoint) -> Engine:
    """What runs the CNN counts as `encode`. A decoder's start is the CNN's last blocks, of which
    each language has its own, and little else."""
    engine = load_engine(name, checkpoint)
    for method in ("encode", "start"):
        setattr(engine, method, timed("encode", getattr(engine, method)))
    return engine


def wrap(module: object, stage: str, *names: str) -> None:
    for name in names:
        setattr(module, name, timed(stage, getattr(module, name)))


wrap(photos, "check", "_kind")
wrap(jpeg, "check", "_open")
wrap(jpeg, "decode", "_complete", "_decode")
wrap(captioner, "decode", "squash")
wrap(captioner.Captioner, "beam", "decode")
captioner.load_engine = load_timed_engine

application = create_app()
stages.init_app(application)
