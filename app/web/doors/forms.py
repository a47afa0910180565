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
MOST_SCHEMAS = 1000
"""That are looked at: they may refer to each other, each to several."""


def as_json(caption: str) -> str:
    return json.dumps({CAPTION: caption}, ensure_ascii=False)


def in_schema(caption: str, schema: Any) -> str:
    """JSON of a schema that has a place for a caption. Raises BadFormat where it has none, or must
    have more."""
    filled = json.dumps(_Filling(caption, schema).fill(schema, MOST_DEPTH), ensure_ascii=False)
    try:
        filled.encode()
    except UnicodeEncodeError:  # a name with half a character in it
        raise BadFormat from None
    return filled


class _Filling:
    def __init__(self, caption: str, root: Any):
        self.caption, self.root = caption, root
        self.left = MOST_SCHEMAS

    def fill(self, schema: Any, depth: int) -> Any:
        """What fits the schema and holds the caption. Raises BadFormat."""
        self.left -= 1
        if not isinstance(schema, dict) or not depth or self.left < 0:
            raise BadFormat
        if "$ref" in schema:
            return self.fill(self._referred(schema["$ref"]), depth - 1)
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return self._first(schema[several], depth - 1)
        kinds = schema.get("type", "object" if "properties" in schema else "string")
        return self._of_kind(kinds if isinstance(kinds, list) else [kinds], schema, depth)

    def _of_kind(self, kinds: list[Any], schema: dict[str, Any], depth: int) -> Any:
        if "string" in kinds and self._fits(schema):
            return self.caption
        if "array" in kinds and schema.get("minItems", 0) in (0, 1):
            return [self.fill(schema.get("items", {"type": "string"}), depth - 1)]
        if "object" in kinds:
            return self._object(schema, depth - 1)
        raise BadFormat

    def _first(self, schemas: Any, depth: int) -> Any:
        """Of several schemas the first that has a place."""
        for schema in schemas if isinstance(schemas, list) else []:
            try:
                return self.fill(schema, depth)
            except BadFormat:
                continue
        raise BadFormat

    def _referred(self, reference: Any) -> Any:
        """What a reference within the schema means, such as "#/$defs/Photo"."""
        found = self.root
        start, *path = str(reference).split("/")
        for name in path if start == "#" else [""]:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def _fits(self, schema: dict[str, Any]) -> bool:
        most = schema.get("maxLength")
        short = not isinstance(most, int) or len(self.caption) <= most
        return short and not {"enum", "const", "pattern", "format"} & set(schema)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise BadFormat
        if not properties:
            return {CAPTION: self.caption}
        wanted = [name for name in properties if name.lower() in MEANT]
        if len(properties) == 1:
            wanted = list(properties)
        if not wanted or not set(map(str, required)) <= set(wanted):
            raise BadFormat
        return {name: self.fill(properties[name], depth) for name in wanted}
