"""Kantu (看图): photos in, captions in English and Chinese out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings
    from app.models import Load


def create_app(settings: Settings | None = None, load: Load | None = None) -> Flask:
    """The application, its models loaded.

    Args:
        settings: the environment's where none are given.
        load: how a checkpoint is loaded, Captioner.load where it is not given; tests give one
            that needs no weights.

    Raises:
        SystemExit: a setting or a checkpoint is wrong; its sentence is all that a terminal shows.
    """
    # Imported here, not above: whoever imports app.captioning, as training does, passes through
    # this file and needs no Flask.
    from flask import Flask
    from flask_babel import Babel

    from app import cli
    from app.captioning.captioner import Captioner
    from app.captioning.checkpoint import CheckpointError
    from app.config import ROOT, SettingError, Settings
    from app.models import load_models
    from app.web import (
        access,
        cors,
        language,
        log,
        metrics,
        proxies,
        responses,
        security,
        texts,
        uploads,
    )
    from app.web.api import api
    from app.web.api_page import api_page
    from app.web.counters import Counters
    from app.web.doors.max import max_api
    from app.web.doors.ollama import ollama
    from app.web.doors.openai import openai
    from app.web.doors.photoprism import photoprism
    from app.web.health import health
    from app.web.pages import pages
    from app.web.pwa import pwa
    from app.web.queue import Queue
    from app.web.rate_limit import RateLimit
    from app.web.service import Service

    try:
        settings = settings or Settings.from_environment()
        load = load or partial(Captioner.load, pointing=settings.pointing)
        models = {} if cli.loads_its_own_model() else load_models(settings, load)
    except (SettingError, CheckpointError) as error:
        raise SystemExit(f"Kantu cannot start: {error}") from None

    app = Flask(
        __name__, template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static")
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["kantu"] = Service(
        settings,
        models,
        Queue(settings.queue),
        RateLimit(settings.rate_limit) if settings.rate_limit else None,
        Counters(),
    )

    Babel(app, locale_selector=language.choose)
    texts.init_app(app)
    # Requests pass through these from the top to the bottom, answers from the bottom to the top.
    proxies.init_app(app, settings)
    log.init_app(app, settings)
    uploads.init_app(app, settings)
    security.init_app(app)
    cors.init_app(app, settings)
    access.init_app(app, settings)
    metrics.init_app(app, settings)
    responses.init_app(app)
    doors = (max_api, ollama, openai, photoprism)
    for blueprint in (pages, api, api_page, *doors, pwa, health):
        app.register_blueprint(blueprint)
    app.cli.add_command(cli.command(settings, load))
    return app
