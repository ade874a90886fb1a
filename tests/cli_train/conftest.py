"""The command line in this process."""

import sys

import pytest

from itnas.cli import main
from tests.cli_train.running import Inside


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The command line in this process: exit code, stdout and stderr. Saves the seconds that torch takes to load."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["itnas", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code or 0, *capsys.readouterr())

    return call
