"""Survival tests start real processes and kill them for real."""

import sys
from collections.abc import Iterator

import pytest

from tests.chaos.processes import Place, new_place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes are found by /proc."""
    if not sys.platform.startswith("linux"):
        for item in items:
            if "chaos" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason="needs Linux: processes are found by /proc"))


@pytest.fixture
def place() -> Iterator[Place]:
    with new_place() as found:
        yield found
