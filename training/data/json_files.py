"""Caption files in JSON, of hundreds of megabytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, TypeVar

from training.data.tfrecord import DatasetError

T = TypeVar("T")


def read_json(path: Path, layout: str, keys: Container[str] | None, parse: Callable[[Any], T]) -> T:
    """What a file says, of the keys that are needed.

    Args:
        path: the file.
        layout: what it should be, for the error.
        keys: those that parse needs; all where it is None. The others are forgotten while the file
            is read: COCO's addresses and Karpathy's words would take several times the memory of
            the captions.
        parse: makes the result of the outermost value; it may raise what a wrong value raises.

    Raises:
        DatasetError: when the file is no JSON, or parse could not make anything of it.
    """

    def needed(found: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in found.items() if keys is None or key in keys}

    try:
        return parse(json.loads(path.read_text(encoding="utf-8-sig"), object_hook=needed))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is not in the layout of {layout}: {error!r}. Download it again."
        ) from error
