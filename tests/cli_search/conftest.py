"""A small sweep, searched once through the command line."""

from pathlib import Path

import pytest

from tests.cli_search.small import SMALL
from tests.started import itnas


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "first"
    done = itnas("search", "emergence", "--run", folder, *SMALL)
    assert done.returncode == 0, done.stderr
    return folder
