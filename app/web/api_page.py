"""What the API is, for people and for programs."""

from __future__ import annotations

import json
from functools import partial

from flask import Blueprint, Response, jsonify, render_template, request

from app.web import language
from app.web.service import service

api_page = Blueprint("api_page", __name__)
api_page.after_request(language.remember)

# openapi.py is imported where it is used: most servers are never asked, and need not hold it.


@api_page.get("/api/v1/openapi.json")
def description() -> Response:
    from app.web import openapi

    return jsonify(openapi.document())


@api_page.get("/api")
def page() -> str:
    from app.web import openapi

    return render_template(
        "api.html",
        api=openapi.document(),
        root=request.url_root,
        readable=partial(json.dumps, indent=2, ensure_ascii=False),
        private=bool(service().settings.token),
    )
