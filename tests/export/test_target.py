"""Where exports go: whole or absent, and nothing is lost that nobody gave up."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import itnas
from itnas.export import target as target_module
from itnas.export.documents import fingerprints
from itnas.export.earlier import beside
from itnas.export.target import ABOUT, fresh


def describe(out: Path) -> None:
    """As an export does that left this file."""
    known = {"format": "torch", "genome": "", "compared": {}, "files": fingerprints(out)}
    beside(out).write_text(json.dumps(known))


def _fail(out: Path, *, folder: bool) -> None:
    with fresh(out, folder=folder, force=True) as target:
        (target / "half" if folder else target).write_text("half")
        raise OSError("disk")


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk"):
        _fail(tmp_path / "deep/er/out", folder=True)
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays_unless_it_may_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for about, force, said in (
        (None, False, "exists"),
        (None, True, "no earlier export"),
        ("{}", True, "no earlier export"),
        ('{"files": {"model.py": ""}}', True, "also holds thesis.tex"),
    ):
        if about is not None:
            (out / ABOUT).write_text(about)
        with pytest.raises(ValueError, match=said), fresh(out, folder=True, force=force):
            pytest.fail("nothing is written")
    assert (out / "thesis.tex").read_text() == "years of work"
    (out / ABOUT).write_text('{"files": {"thesis.tex": ""}}')
    with fresh(out, folder=True, force=True) as target:
        (target / "new").write_text("new")
    assert [each.name for each in out.iterdir()] == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_failure_while_replacing_keeps_the_old(tmp_path: Path) -> None:
    out = tmp_path / "best.pt2"
    out.write_text("old")
    describe(out)
    with pytest.raises(OSError, match="disk"):
        _fail(out, folder=False)
    assert out.read_text() == "old"


@pytest.mark.parametrize(
    ("name", "folder", "said"),
    [
        (".", True, "of its own"),
        ("..", True, "of its own"),
        ("file", True, "is a file"),
        ("folder", False, "is a folder"),
        ("file", False, "exists"),
        ("link", False, "is a link"),
        ("link", True, "is a link"),
    ],
)
def test_mistaken_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, folder: bool, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("link").symlink_to("file")
    with pytest.raises(ValueError, match=said), fresh(Path(name), folder=folder, force=False):
        pytest.fail("nothing is written")
    assert Path("file").read_text() == "mine"


def test_what_the_killed_left_is_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stem = target_module._stem(tmp_path / "out")
    left, living = (tmp_path / f"{stem}{number}-0123abcd" for number in (gone.pid, 1))
    elsewhere = tmp_path / f".out.export-another-{gone.pid}-0123abcd"
    for each in (left, living, elsewhere):
        each.mkdir()
    with fresh(tmp_path / "out", folder=True, force=False) as target:
        (target / ABOUT).write_text("{}")
    assert set(tmp_path.iterdir()) == {living, elsewhere, tmp_path / "out"}


def _late(out: Path, *, folder: bool) -> None:
    """Somebody else writes to the place before the export is done."""
    with fresh(out, folder=folder, force=False) as target:
        (target / "mine" if folder else target).write_text("mine")
        if folder:
            out.mkdir()
        (out / "theirs" if folder else out).write_text("theirs")


@pytest.mark.parametrize("folder", [True, False])
def test_what_comes_to_the_place_meanwhile_stays(tmp_path: Path, folder: bool) -> None:
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="exists"):
        _late(out, folder=folder)
    assert (out / "theirs" if folder else out).read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [out]


def test_a_run_keeps_its_folder_to_itself(swept: Path) -> None:
    for out in (swept, swept / "run.db", swept / "weights/mine"):
        with pytest.raises(ValueError, match="lies in the run"):
            itnas.export(swept, "flip-flop", out, format="weights", force=True)
    itnas.Run(swept).trials()


def test_threads_do_not_meet(tmp_path: Path) -> None:
    """Several exports to one place at a time: one wins, nobody loses what is not theirs."""

    def write(number: int) -> str:
        try:
            with fresh(tmp_path / "best.yaml", folder=False, force=False) as target:
                target.write_text(str(number))
                time.sleep(0.05)
        except ValueError as error:
            return str(error)
        return "written"

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(write, range(4)))
    assert found.count("written") == 1
    assert all("exists" in each or "meanwhile" in each for each in found if each != "written")
    assert [each.name for each in tmp_path.iterdir()] == ["best.yaml"]


def test_an_old_export_that_stepped_aside_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where names cannot change places in one step, a kill may come in between."""
    monkeypatch.setattr(target_module, "_exchanged", lambda *_: False)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    aside = tmp_path / f"{target_module._stem(tmp_path / 'out')}{gone.pid}-0123abcd-old"
    aside.mkdir()
    (aside / ABOUT).write_text('{"files": {}, "said": "old"}')
    with pytest.raises(OSError, match="disk"):
        _fail(tmp_path / "out", folder=True)
    assert "old" in (tmp_path / "out" / ABOUT).read_text()
    with fresh(tmp_path / "out", folder=True, force=True) as target:
        (target / ABOUT).write_text("new")
    assert (tmp_path / "out" / ABOUT).read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("after", [0.0, 0.1, 0.4, 1.2])
def test_killed_for_real(swept: Path, tmp_path: Path, after: float) -> None:
    """At whatever moment: the export is whole, or it is not there; the next one works."""
    code = (
        "import itnas, sys, torch; from itnas.export import entry; print('ready', flush=True)\n"
        "for _ in range(9): itnas.export(sys.argv[1], 'flip-flop', sys.argv[2], format='weights', force=True)"
    )
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", code, str(swept), str(out)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    if out.exists():
        itnas.load(out)
    itnas.export(swept, "flip-flop", out, format="weights", force=True)
    itnas.load(out)
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_full_disk(swept: Path, tmp_path: Path) -> None:
    """Files may not grow beyond 4 kB: one sentence, exit code 2, nothing half-written."""

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [str(Path(sys.executable).with_name("itnas")), "export", str(swept), "--task", "flip-flop"]
    command += ["--format", "weights", "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(tmp_path.parent / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=small, env=environment)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert not list(tmp_path.iterdir())
