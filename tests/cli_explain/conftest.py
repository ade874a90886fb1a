"""A real training."""

import shutil
from pathlib import Path

import pytest

from tests.started import itnas


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explain") / "out"
    small = ["--task", "local-pattern", "--steps", "30", "--length", "16", "--batch-size", "8", "--replicas", "2"]
    process = itnas("train", "transformer", *small, "--out", out, "--quiet")
    assert process.returncode == 0, process.stderr
    return out


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """One to spoil."""
    return Path(shutil.copytree(trained, tmp_path / "out"))
