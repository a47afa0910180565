"""What reverse proxies say of a request: believed only where the settings say there are some."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    number = settings.proxies
    if number:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=number, x_proto=number, x_prefix=number
        )
