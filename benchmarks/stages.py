"""Which stage of a request took how long, told in the answer's `Server-Timing` header.

What is timed within what is timed counts once, for the inner stage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Flask, Response, g, has_request_context

STAGES = ("check", "decode", "encode", "beam", "render")
"""Of a photo. `render` is all the rest: HTTP, reading the form, writing the answer."""


def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its time in a request counted for the stage."""

    @wraps(function)
    def run(*arguments: Any, **named: Any) -> Any:
        if not has_request_context():  # the service starts
            return function(*arguments, **named)
        spent = g.setdefault("spent", dict.fromkeys(STAGES, 0.0))
        outer, g.inside = g.get("inside"), stage
        began = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            took = time.perf_counter() - began
            g.inside = outer
            spent[stage] += took
            if outer:
                spent[outer] -= took

    return run


def init_app(app: Flask) -> None:
    app.after_request(_tell)


def _tell(response: Response) -> Response:
    spent = g.get("spent", {})
    response.headers["Server-Timing"] = ", ".join(
        f"{stage};dur={1000 * seconds:.3f}" for stage, seconds in spent.items()
    )
    return response


def read(headers: Mapping[str, str], seconds: float) -> dict[str, float]:
    """Milliseconds by stage, of a request that took so many seconds in all."""
    told = [entry.split(";dur=") for entry in headers["Server-Timing"].split(", ")]
    spent = {stage: float(milliseconds) for stage, milliseconds in told}
    return {**spent, "render": 1000 * seconds - sum(spent.values())}
