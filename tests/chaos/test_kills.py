"""SIGKILL at any moment loses at most the trials in flight: never a finished one, and none is done twice."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from itnas.search.sweep import Means
from tests.chaos.processes import Place, kill, until
from tests.chaos.state import check_ended, check_survived, finished, same_but_for_attempts
from tests.chaos.sweeping import started
from tests.search.toy import work

DRIVER = (sys.executable, "-m", "tests.chaos.sweeping")
KILLED = -9
# So many SQL statements after the first one with this text: while the run is made, in proposing, in a rung, at the end
# of a trial, between arrays and rows, in confirming.
OPENING = "journal_mode = WAL"
SHORT = ((0, OPENING), (3, "INTO replicas"), (0, "DELETE FROM kept"), (9, "INTO confirmations"))
LONG = (
    *((number, OPENING) for number in (0, 1, 3, 6, 9, 12, 20)),
    *((number, "INTO trials") for number in (0, 1, 2)),
    *((number, "INTO history") for number in (0, 1, 3)),
    *((number, "INTO replicas") for number in (0, 1, 2, 4)),
    *((number, "INTO kept") for number in (0, 1, 2)),
    *((number, "DELETE FROM kept") for number in (0, 1, 2)),
    *((number, "INTO confirmations") for number in (0, 1, 3, 9, 30)),
)


def _undisturbed(folder: Path, trials: int) -> dict[str, list[dict[str, object]]]:
    with started(folder, trials) as sweep:
        assert sweep.run(Means(engine="inline"), work=work) == "ended"
    return same_but_for_attempts(folder)


def _driven(place: Place, process: "subprocess.Popen[str]") -> bool:
    """Whether the driver has said that it is at work, or has ended."""
    try:
        return bool(json.loads((place.run / "driver.lock").read_text())["pid"] == process.pid)
    except (OSError, ValueError):
        return process.poll() is not None


def _die(place: Place, trials: int, statements: int, after: str) -> None:
    options = ("--trials", trials, "--die", statements, "--after", after)
    ended = place.ended(place.start(*DRIVER, place.run, *options))
    assert ended.code == KILLED, ended


def _kill_after(place: Place, trials: int, seconds: float, *, pace: float, at_work: bool) -> None:
    """Kill a driver so long after it has begun to work, or after its process has been started."""
    process = place.start(*DRIVER, place.run, "--trials", trials, "--pace", pace)
    if at_work:
        until(lambda: _driven(place, process))
    time.sleep(seconds)
    kill(process.pid)
    assert process.wait() == KILLED, place.ended(process)


def _finish(place: Place, trials: int, expected: dict[str, list[dict[str, object]]]) -> None:
    ended = place.ended(place.start(*DRIVER, place.run, "--trials", trials))
    assert (ended.code, ended.out, ended.err) == (0, "ended\n", "")
    check_ended(place.run, trials)
    assert same_but_for_attempts(place.run) == expected


def test_a_killed_driver_loses_nothing_that_has_ended(place: Place) -> None:
    trials = 8
    before = finished(place.run)
    for statements, after in SHORT:
        _die(place, trials, statements, after)
        now = finished(place.run)
        check_survived(before, now)
        before = now
    _kill_after(place, trials, 0.05, pace=0.05, at_work=True)
    check_survived(before, finished(place.run))
    _finish(place, trials, _undisturbed(place.folder / "undisturbed", trials))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_thirty_kills_of_a_driver_at_random_moments_and_in_its_transactions(place: Place, draw: int) -> None:
    trials, rng = 40, random.Random(draw)
    kills = [("statement", *where) for where in LONG if "confirmations" not in where[1]]
    kills += [("at work", rng.uniform(0, 0.3), "") for _ in range(10)]
    kills += [("starting", rng.uniform(0, 3), "") for _ in range(5)]
    rng.shuffle(kills)
    # The confirmations come last.
    kills += [("statement", *where) for where in LONG if "confirmations" in where[1]]
    assert len(kills) >= 30
    before = finished(place.run)
    for kind, amount, after in kills:
        if kind == "statement":
            _die(place, trials, int(amount), after)
        else:
            _kill_after(place, trials, amount, pace=0.02, at_work=kind == "at work")
        now = finished(place.run)
        check_survived(before, now)
        before = now
    _finish(place, trials, _undisturbed(place.folder / "undisturbed", trials))


@pytest.mark.slow
def test_a_run_that_was_never_made_can_be_made(place: Place) -> None:
    """Killed before run.db is there: nothing can be resumed, and nothing is in the way of starting again."""
    _die(place, 2, 5, "")
    assert not (place.run / "run.db").exists()
    _finish(place, 2, _undisturbed(place.folder / "undisturbed", 2))


def _at_work_on_ray(place: Place, process: "subprocess.Popen[str]") -> bool:
    return process.poll() is not None or bool(place.named("ray::ResourceTrainable"))


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1200)
def test_thirty_kills_of_driver_workers_and_ray(place: Place, draw: int) -> None:
    trials, rng = 150, random.Random(draw)
    targets = ["driver"] * 8 + ["ray::ResourceTrainable"] * 18 + ["raylet"] * 2 + ["gcs_server"] * 2
    rng.shuffle(targets)
    options = (place.run, "--engine", "ray", "--trials", trials, "--pace", 0.1)
    process, before = place.start(*DRIVER, *options), finished(place.run)
    for target in targets:
        if process.poll() is not None:
            process = place.start(*DRIVER, *options)
        until(lambda: _at_work_on_ray(place, process))  # noqa: B023
        time.sleep(rng.uniform(0, 1))
        assert process.poll() is None, place.ended(process)
        if target == "driver":
            kill(process.pid)
        else:
            until(lambda: any(map(kill, place.named(target)[:1])))  # noqa: B023
        if not target.startswith("ray::"):
            # Without its Ray a driver cannot go on, and does not hang either.
            assert process.wait(60) != 0
        now = finished(place.run)
        check_survived(before, now)
        before = now
    if process.poll() is None:
        place.ended(process)
    ended = place.ended(place.start(*DRIVER, *options))
    assert (ended.code, ended.out) == (0, "ended\n"), ended
    check_ended(place.run, trials)
