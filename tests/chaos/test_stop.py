"""Ctrl-C, SIGTERM and `itnas stop`: the sweep ends where it can be resumed; a second Ctrl-C ends it at once."""

import os
import signal
import subprocess
import time

import pytest

from itnas.store import RunReader
from itnas.store.lock import driven
from tests.chaos.misbehaving import space
from tests.chaos.processes import ITNAS, Ended, Place, command_lines, until
from tests.chaos.state import check_ended

ON_RAY = pytest.param("ray", marks=[pytest.mark.slow, pytest.mark.ray])
TRIALS = 3
WORK = ("--trials", TRIALS, "--steps", 150, "--rungs", 2, "--replicas", 1, "--confirm", 0, "--keep", 0)


def _begin(place: Place, *options: object, task: str = "delay", names: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A sweep that has been seen to train."""
    file = place.folder / "space.yaml"
    file.write_text(space(*names, good=0 if names else 9))
    more = ("--specialists", "none", "--sampler", "random", "--verdicts", "none", "--run", place.run)
    process = place.start(*ITNAS, "search", file, "--task", task, *WORK, *more, *options)
    until(lambda: _running(place) or process.poll() is not None)
    return process


def _running(place: Place) -> bool:
    return (place.run / "run.db").exists() and bool(RunReader(place.run).trials())


def _check_interrupted(place: Place, ended: Ended) -> None:
    assert ended.code == 130, ended
    assert ended.err.splitlines()[-1] == f"itnas: interrupted; `itnas resume {place.run}` goes on"
    assert "Traceback" not in ended.err
    assert RunReader(place.run).sweep()["state"] == "interrupted"
    assert not driven(place.run)
    assert command_lines(place.processes()) == []
    assert not list(place.folder.glob("itnas-ray-*"))


def _resume(place: Place, engine: str) -> None:
    resumed = place.itnas("resume", place.run, "--engine", engine)
    assert resumed.code == 0, resumed
    check_ended(place.run, TRIALS)
    attempts = {row["attempt"] for row in RunReader(place.run).trials()}
    assert attempts == {1}, "an attempt that we ended does not count"


@pytest.mark.parametrize("engine", ["inline", ON_RAY])
def test_ctrl_c_stops_where_the_sweep_can_be_resumed(place: Place, engine: str) -> None:
    process = _begin(place, "--engine", engine)
    # A terminal sends it to all of the group.
    os.killpg(process.pid, signal.SIGINT)
    _check_interrupted(place, place.ended(process))
    _resume(place, engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["inline", ON_RAY])
def test_a_sweep_is_stopped_from_outside(place: Place, engine: str) -> None:
    process = _begin(place, "--engine", engine)
    asked = subprocess.run([*ITNAS, "stop", place.run], capture_output=True, text=True, env=place.environment())
    assert (asked.returncode, asked.stderr) == (0, "")
    assert f"asked process {process.pid} to stop" in asked.stdout
    _check_interrupted(place, place.ended(process))
    again = place.itnas("stop", place.run)
    assert (again.code, again.err) == (2, f"itnas: {place.run}: no sweep is running there\n")
    _resume(place, engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [ON_RAY])
def test_sigterm_stops_while_ray_is_being_started(place: Place, engine: str) -> None:
    file = place.folder / "space.yaml"
    file.write_text(space(good=9))
    more = ("--specialists", "none", "--sampler", "random", "--verdicts", "none", "--run", place.run)
    process = place.start(*ITNAS, "search", file, "--task", "delay", *WORK, *more, "--engine", engine)
    until(lambda: place.named("raylet", "gcs_server"))
    os.kill(process.pid, signal.SIGTERM)
    _check_interrupted(place, place.ended(process))
    _resume(place, engine)


@pytest.mark.parametrize("engine", ["inline", ON_RAY])
def test_a_second_ctrl_c_ends_a_sweep_at_once(place: Place, engine: str) -> None:
    """Its trial hangs: on `inline` the first one is not enough."""
    task = "tests.chaos.misbehaving:Misbehaving"
    process = _begin(place, "--engine", engine, task=task, names=("hangs",))
    until((place.folder / "hanging").exists)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    ended = place.ended(process)
    assert ended.code == 130, ended
    assert "Traceback" not in ended.err
    assert RunReader(place.run).sweep()["state"] == "interrupted"
    until(lambda: place.processes() == [])
