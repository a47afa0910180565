"""Addresses that other programs' clients know already, so that they need nothing but Kantu's.

A door translates a request and an answer, and nothing else: limits, queue, token and rate limit are
those of the API.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""Of requests and answers. openapi.py's own is not loaded by servers that are not asked for it."""
