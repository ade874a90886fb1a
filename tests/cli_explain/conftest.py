"""A real training, and the command line in this process."""

import shutil
import sys
from pathlib import Path

import pytest

from itnas.cli import main
from tests.cli_explain.running import Inside, run


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The command line in this process: exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["itnas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explain") / "out"
    small = ["--task", "local-pattern", "--steps", "30", "--length", "16", "--batch-size", "8", "--replicas", "2"]
    process = run("train", "transformer", *small, "--out", out, "--quiet")
    assert process.returncode == 0, process.stderr
    return out


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """One to spoil."""
    return Path(shutil.copytree(trained, tmp_path / "out"))
