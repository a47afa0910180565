"""Python's types as JSON Schema, as far as schemas.py needs it."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

from flask_babel import gettext

Json = dict[str, Any]

NAMES = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


class Schemas:
    """Those of TypedDicts have names, and are referred to by them."""

    def __init__(self) -> None:
        self.named: Json = {}

    def of(self, kind: Any) -> Json:
        """Annotated may hold a description, which is translated, and a dictionary of what else the
        schema says."""
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._annotated(*arguments)
        if origin is Literal:
            return {"type": "string", "enum": list(arguments)}
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is UnionType:
            return {"oneOf": [self.of(one) for one in arguments]}
        if is_typeddict(kind):
            return self._reference(kind)
        return {"type": NAMES[kind]}

    def _annotated(self, kind: Any, *notes: Any) -> Json:
        schema = self.of(kind)
        for note in notes:
            schema |= note if isinstance(note, dict) else {"description": gettext(note)}
        return schema

    def _reference(self, kind: Any) -> Json:
        if kind.__name__ not in self.named:
            fields = get_type_hints(kind, include_extras=True)
            self.named[kind.__name__] = {
                "type": "object",
                "properties": {name: self.of(field) for name, field in fields.items()},
                "required": [name for name in fields if name in kind.__required_keys__],
            }
        return {"$ref": f"#/components/schemas/{kind.__name__}"}
