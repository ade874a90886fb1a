"""What a sweep on Ray leaves in the temporary folder and among the processes: nothing, in the end."""

import os
import sys

import pytest

from tests.chaos.processes import Place, command_lines, kill, until

pytestmark = [pytest.mark.slow, pytest.mark.ray]
DRIVER = (sys.executable, "-m", "tests.chaos.sweeping")
HOUR = 3600


def _left(place: Place) -> set[str]:
    """Files but for our own, and for the token that Ray keeps in the home folder."""
    return {path.name for path in place.folder.iterdir()} - {"run", "out", "err", ".ray"}


def test_a_sweep_leaves_nothing_and_a_killed_one_nothing_for_long(place: Place) -> None:
    options = (place.run, "--engine", "ray", "--trials", 10)
    process = place.start(*DRIVER, *options, "--pace", 0.2)
    until(lambda: place.named("ray::ResourceTrainable") or process.poll() is not None)
    kill(process.pid)
    assert process.wait() == -9
    # Ray's own helpers notice after a while.
    until(lambda: not place.processes())
    (folder,) = _left(place)
    long_ago = os.stat(place.folder / folder).st_mtime - HOUR
    os.utime(place.folder / folder, (long_ago, long_ago))
    ended = place.ended(place.start(*DRIVER, *options))
    assert (ended.code, ended.out, ended.err) == (0, "ended\n", "")
    assert _left(place) == set()
    assert command_lines(place.processes()) == []
