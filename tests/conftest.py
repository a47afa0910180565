"""Settings that every test shares, and which tests one process runs where there are several."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import settings

from app.config import ROOT

# A property is true or false, however busy the machine is that tests it.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

GROUPS = {
    # What trains, or runs TensorFlow: the pipelines of tests/training are made once.
    "tensorflow": ("training", "app/test_shipped_checkpoint.py"),
    # What starts machines, clusters and servers, kills them and weighs their memory: one at a time.
    "machines": (
        "deploy",
        "service",
        "hostile",
        "app/test_cli_cluster.py",
        "app/test_cli_jobs.py",
    ),
}
"""What takes minutes, of which each group is the work of one process. All other files are a group
each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with its group. The long groups begin first, or one would end alone."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: group(item) not in GROUPS)


def group(item: pytest.Item) -> str:
    path = PurePath(item.path).relative_to(ROOT / "tests")
    for name, parts in GROUPS.items():
        if any(path.is_relative_to(part) for part in parts):
            return name
    return str(path)
