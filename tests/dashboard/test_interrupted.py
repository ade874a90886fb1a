"""What the overview says of what a driver that is gone left behind."""

from pathlib import Path

from itnas.dashboard.blocks import BLOCKS
from itnas.dashboard.choices import Choices
from itnas.dashboard.view import RunView
from itnas.search.sweep import Sweep
from tests.search.killed import INLINE, kill
from tests.search.toy import work


def told(name: str, folder: Path) -> str:
    return str(BLOCKS[name].told(RunView("run", folder), Choices()))


def test_what_ran_is_interrupted_not_running(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kill(folder, "inline", "search")
    assert "'interrupted, rung 0'" in told("running", folder)


def test_a_confirmation_that_failed_is_told_as_one(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for _ in range(3):
        kill(folder, "inline", "confirm")
    assert "'interrupted, confirmation'" in told("running", folder)
    assert "No trial has failed." in told("failures", folder)
    with Sweep.open(folder) as sweep:
        sweep.run(INLINE, work=work)
    assert "Nothing runs." in told("running", folder)
    assert "'confirmation: was running when its process ended, 3 times'" in told("failures", folder)
