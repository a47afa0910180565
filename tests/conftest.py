"""Settings that every test shares, and which tests run in one process where there are several."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

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


def group(test: str) -> str:
    """The name of a test's group, by its id."""
    file = PurePath(test.partition("::")[0]).relative_to("tests")
    for name, parts in GROUPS.items():
        if any(file.is_relative_to(part) for part in parts):
            return name
    return str(file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long groups begin first, or one would end alone."""
    items.sort(key=lambda item: group(item.nodeid) not in GROUPS)


class ByGroup(LoadScopeScheduling):
    """Not --dist=loadgroup, which with pytest 9.2 groups nothing, and does not say so
    (pytest-dev/pytest-xdist#1386)."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    return ByGroup(config, log)
