"""What a caption is put into where a client asks for JSON, or for JSON of a schema."""

from __future__ import annotations

import json
from typing import Any

from app.web.errors import BadFormat

CAPTION = "caption"
MEANT = ("caption", "description", "alt", "alt_text", "alttext", "text", "summary", "content")
"""Names of fields that are for a caption, where a schema has several texts."""

MOST_DEPTH = 8
"""Of schemas in schemas."""


def as_json(caption: str) -> str:
    return json.dumps({CAPTION: caption}, ensure_ascii=False)


def in_schema(caption: str, schema: Any) -> str:
    """JSON of a schema that has a place for a caption. Raises BadFormat where it has none, or must
    have more."""
    return json.dumps(_filled(caption, schema, MOST_DEPTH), ensure_ascii=False)


def _filled(caption: str, schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or not depth:
        raise BadFormat
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if kind == "string" and _fits(caption, schema):
        return caption
    if kind == "array" and schema.get("minItems", 0) in (0, 1):
        return [_filled(caption, schema.get("items", {"type": "string"}), depth - 1)]
    if kind == "object":
        return _object(caption, schema, depth - 1)
    raise BadFormat


def _fits(caption: str, schema: dict[str, Any]) -> bool:
    most = schema.get("maxLength")
    short = not isinstance(most, int) or len(caption) <= most
    return short and not {"enum", "const", "pattern", "format"} & set(schema)


def _object(caption: str, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise BadFormat
    if not properties:
        return {CAPTION: caption}
    wanted = [name for name in properties if name.lower() in MEANT]
    if len(properties) == 1:
        wanted = list(properties)
    if not wanted or not set(map(str, required)) <= set(wanted):
        raise BadFormat
    return {name: _filled(caption, properties[name], depth) for name in wanted}
