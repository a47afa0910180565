"""Files that are never half written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """As np.savez, but the file appears only when it is whole."""
    half = path.with_name(f"{path.name}.half")
    with half.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(half, path)
