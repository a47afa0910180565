"""For whoever watches the server: is it alive, is it ready."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from app.web.service import service

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> Response:
    """The models are loaded before the first request is taken, so to answer is to be ready."""
    return jsonify(status="ready", models=list(service().models))
