"""A disk that is full, a folder that may not be written, a run that another driver has: refused in one sentence."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from itnas.search.sweep import Means
from itnas.store import RunReader
from tests.chaos.misbehaving import space
from tests.chaos.processes import ITNAS, PATIENCE, Ended, Place, until
from tests.chaos.state import check_ended, check_survived, finished
from tests.chaos.sweeping import started
from tests.search.toy import work

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h
TRIALS = 6
WORK = ("--task", "delay", "--specialists", "none", "--sampler", "random", "--verdicts", "none", "--engine", "inline")
SIZES = ("--trials", TRIALS, "--steps", 20, "--rungs", 2, "--replicas", 1, "--confirm", 1, "--keep", 3)


def _one_sentence(ended: Ended) -> str:
    assert ended.code == 2, ended
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended
    assert lines[0].startswith("itnas: ")
    return lines[0]


@pytest.fixture
def disk(place: Place) -> Iterator[Path]:
    """A small file system of its own."""
    folder = place.folder / "disk"
    folder.mkdir()
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root: a small file system has to be mounted")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"nothing can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        place.kill_all()
        subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(disk: Path, room: int) -> None:
    """Leave so many bytes."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    found = os.statvfs(disk)
    with open(ballast, "wb") as file:
        file.write(b"1" * max(found.f_bavail * found.f_frsize - room, 0))


def _search(place: Place, run: Path) -> Ended:
    file = place.folder / "space.yaml"
    file.write_text(space(good=9))
    return place.itnas("search", file, *WORK, *SIZES, "--run", run, "--quiet")


@pytest.mark.slow
def test_a_full_disk_ends_a_sweep_that_goes_on_when_there_is_room(place: Place, disk: Path) -> None:
    run = disk / "run"
    for room in (0, 16_384, 65_536):
        _fill(disk, room)
        assert "No space left" in (told := _one_sentence(_search(place, run))) or "disk is full" in told
        assert not (run / "run.db").exists()
        assert not list(run.glob(".run.db*"))
    _fill(disk, 250_000)
    _one_sentence(_search(place, run))
    before = finished(run)
    for room in (16_384, 100_000, 250_000, 300_000, 350_000):
        _fill(disk, room)
        ended = place.itnas("resume", run, "--engine", "inline", "--quiet")
        if ended.code:
            _one_sentence(ended)
        now = finished(run)
        check_survived(before, now)
        before = now
    (disk / "ballast").unlink()
    assert place.itnas("resume", run, "--engine", "inline").code == 0
    check_survived(before, finished(run))
    check_ended(run, TRIALS)


def _drop_privileges() -> None:
    """What lets root write where its files may not be written (CAP_DAC_OVERRIDE), from the next program on."""
    if os.getuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def _unprivileged(place: Place, *arguments: object) -> Ended:
    """The command line for somebody who may read the run and no more."""
    done = subprocess.run(
        [*ITNAS, *map(str, arguments)],
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        preexec_fn=_drop_privileges,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def _only_to_be_read(place: Place) -> None:
    for path in (place.run, *place.run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _writable_again(place: Place) -> None:
    for path in (place.run, *place.run.rglob("*")):
        path.chmod(0o755)


def test_a_read_only_run_can_be_looked_at_and_not_driven(place: Place) -> None:
    with started(place.run, 2) as sweep:
        assert sweep.run(Means(engine="inline"), work=work) == "ended"
    _only_to_be_read(place)
    try:
        looked = _unprivileged(place, "trials", place.run, "--json")
        assert (looked.code, looked.err) == (0, "")
        assert "cannot be written" in _one_sentence(_unprivileged(place, "resume", place.run, "--engine", "inline"))
        new = _unprivileged(place, "search", *WORK, "--run", place.run / "new")
        assert "Permission denied" in _one_sentence(new)
        assert not (place.run / "new").exists()
    finally:
        _writable_again(place)


def test_a_killed_run_that_may_not_be_written_says_so(place: Place) -> None:
    """Its log has to be read back first, and there is nowhere to put the index of that."""
    process = place.start(sys.executable, "-m", "tests.chaos.sweeping", place.run, "--die", 3, "--after", "INTO kept")
    assert place.ended(process).code == -9
    (place.run / "run.db-shm").unlink()
    _only_to_be_read(place)
    try:
        assert "cannot be opened" in _one_sentence(_unprivileged(place, "trials", place.run))
    finally:
        _writable_again(place)


@pytest.mark.slow
def test_a_disk_that_is_mounted_read_only(place: Place, disk: Path) -> None:
    run = disk / "run"
    with started(run, 2) as sweep:
        assert sweep.run(Means(engine="inline"), work=work) == "ended"
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert "ead-only" in _one_sentence(place.itnas("resume", run, "--engine", "inline"))
    assert place.itnas("trials", run).code == 0
    assert "ead-only" in _one_sentence(_search(place, disk / "new"))


def test_a_second_driver_is_told_who_the_first_is(place: Place) -> None:
    process = place.start(sys.executable, "-m", "tests.chaos.sweeping", place.run, "--pace", 0.3)
    until(lambda: (place.run / "run.db").exists() and RunReader(place.run).trials())
    done = subprocess.run(
        [*ITNAS, "resume", place.run, "--engine", "inline"], capture_output=True, text=True, env=place.environment()
    )
    told = _one_sentence(Ended(done.returncode, done.stdout, done.stderr))
    assert f"is being driven by process {process.pid} on " in told
    assert f"`itnas stop {place.run}`" in told
    assert process.poll() is None
