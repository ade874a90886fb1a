"""The published data sets in miniature, written once for all tests of tasks."""

from pathlib import Path

import pytest

from tests.tasks.published.miniatures import write_all


@pytest.fixture(scope="session")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_all(tmp_path_factory.mktemp("data"))


@pytest.fixture
def data(miniatures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all sets, named as a user would."""
    monkeypatch.setenv("ITNAS_DATA", str(miniatures))
    monkeypatch.delenv("ITNAS_CACHE", raising=False)
    return miniatures
