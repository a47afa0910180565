"""What reverse proxies say of a request: believed only where the settings say there are some."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    number = settings.proxies
    if number:
        inner = app.wsgi_app
        app.wsgi_app = ProxyFix(inner, x_for=number, x_proto=number)  # type: ignore[method-assign]
