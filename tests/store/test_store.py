"""run.db and the arrays beside it: what is accepted, what is refused, what survives."""

import errno
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from itnas.store import Arrays, RunError, RunLock, RunReader, RunWriter, placed
from itnas.store.connect import DATABASE, NETWORK, file_system
from itnas.store.lock import ask_to_stop, driven
from itnas.store.schema import SCHEMA


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    with RunWriter(folder, new=True) as writer, writer.transaction():
        writer.set("settings", {"tasks": ["delay"]})
    return folder


def test_a_reader_sees_only_whole_transactions(run: Path) -> None:
    reader = RunReader(run)
    with RunWriter(run) as writer:
        with pytest.raises(ValueError, match="not JSON compliant"), writer.transaction():  # noqa: PT012
            writer.event("ask", "delay", 0, {})
            writer.event("ask", "delay", 1, {"x": float("nan")})
        assert list(reader.events()) == []
        with writer.transaction(durable=True):
            writer.event("ask", "delay", 0, {"x": 1})
            assert list(reader.events()) == []
        assert [event["data"] for event in reader.events()] == [{"x": 1}]


def test_an_ended_run_is_one_plain_file(run: Path) -> None:
    with RunWriter(run) as writer:
        writer.settle()
    assert sorted(path.name for path in run.iterdir()) == [DATABASE]
    assert RunReader(run).sweep() == {"settings": {"tasks": ["delay"]}}


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trials (number)")
    connection.close()


def _newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(b""), "not a run of itnas"),
        (lambda path: path.write_bytes(b"hello" * 1000), "damaged"),
        (lambda path: (path.unlink(), _foreign(path)), "not a run of itnas"),
        (_newer, "newer itnas"),
        (_truncated, "damaged"),
        (lambda path: path.unlink(), "holds no run"),
        (lambda path: (path.unlink(), path.mkdir()), "holds no run"),
    ],
    ids=["empty", "garbage", "foreign", "newer", "truncated", "missing", "folder"],
)
def test_what_is_no_run_is_refused_in_one_sentence(run: Path, spoil: object, told: str) -> None:
    spoil(run / DATABASE)  # type: ignore[operator]
    with pytest.raises(RunError, match=told) as caught, RunWriter(run):
        pass
    assert "\n" not in str(caught.value)


def test_a_second_driver_is_told_who_the_first_is(run: Path) -> None:
    with RunLock(run):
        assert driven(run)
        with pytest.raises(RunError, match=f"driven by process {os.getpid()} on"), RunLock(run):
            pass
    assert not driven(run)
    with RunLock(run):
        pass


def _holding(run: Path) -> "subprocess.Popen[bytes]":
    """Another process that holds the run's lock."""
    code = f"""
import time
from pathlib import Path
from itnas.store import RunLock
with RunLock(Path({str(run)!r})):
    print("held", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


def test_a_lock_ends_with_its_process(run: Path) -> None:
    process = _holding(run)
    assert driven(run)
    with pytest.raises(RunError, match=f"process {process.pid}"), RunLock(run):
        pass
    process.kill()
    process.wait()
    with RunLock(run):
        pass


def test_a_disk_without_locks_is_said_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    with RunLock(run):
        assert driven(run)

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(RunError, match=r"cannot be locked \(No locks available\)"), RunLock(run):
        pass
    assert not driven(run)


def test_stopping_asks_the_driver(run: Path) -> None:
    with pytest.raises(RunError, match="no sweep is running"):
        ask_to_stop(run)
    process = _holding(run)
    assert ask_to_stop(run) == process.pid
    assert process.wait(10) == -15


def test_arrays_are_whole_or_absent(run: Path) -> None:
    arrays = Arrays(run)
    assert arrays.keep("weights/3", {"a": b"12345", "b": b""}) == 5
    assert (run / "weights/3/a").read_bytes() == b"12345"
    arrays.keep("weights/3", {"c": b"1"})
    assert [path.name for path in (run / "weights/3").iterdir()] == ["c"]
    with pytest.raises(TypeError):
        arrays.keep("weights/4", {"a": b"1", "b": None})  # type: ignore[dict-item]
    assert sorted(path.name for path in (run / "weights").iterdir()) == ["3"]


def test_orphans_are_swept_when_a_run_is_opened(run: Path) -> None:
    with RunWriter(run) as writer:
        for path in ("weights/1", "weights/2", "kernels/2"):
            writer.arrays.keep(path, {"a": b"1"})
        with writer.transaction():
            writer.put("kept", [{"trial": 1, "phase": "search", "what": "weights", "path": "weights/1", "bytes": 1}])
    (run / "weights/.3.new").mkdir()
    RunWriter(run).connection.close()
    assert sorted(str(path.relative_to(run)) for path in run.glob("*/*")) == ["weights/1"]


@pytest.mark.parametrize(
    "path",
    ["../victim", "weights/../../victim", "weights/..", "weights/.", "weights/", "weights", "", "run.db", "logs/1",
     "weights/1/2", "weights/1\n", "{victim}", "weights/{victim}", "weights/out", "linked/1", 7],
)  # fmt: skip
def test_a_strangers_run_names_no_places_outside(run: Path, path: str) -> None:
    victim = run.parent / "victim"
    victim.mkdir()
    path = path.format(victim=victim) if isinstance(path, str) else path
    (victim / "file").write_text("precious")
    (run / "weights").mkdir()
    (run / "weights/out").symlink_to(victim)
    (run / "linked").symlink_to(victim)
    arrays = Arrays(run)
    for action in (arrays.drop, lambda path: arrays.keep(path, {"file": b""}), lambda path: placed(run, path)):
        with pytest.raises(RunError, match="can only be at weights/NAME or kernels/NAME inside of the run"):
            action(path)
    assert (victim / "file").read_text() == "precious"


def test_places_of_a_run_that_is_a_link(run: Path) -> None:
    Arrays(run).keep("weights/3-confirmed", {"a": b"1"})
    link = run.parent / "link"
    link.symlink_to(run)
    assert (placed(link, "weights/3-confirmed") / "a").read_bytes() == b"1"


def test_nothing_is_swept_behind_a_link(run: Path) -> None:
    victim = run.parent / "victim"
    (victim / "folder").mkdir(parents=True)
    (run / "weights").symlink_to(victim)
    with pytest.raises(RunError, match="weights is a link that leads out of the run"):
        RunWriter(run)
    assert (victim / "folder").is_dir()


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_run_can_be_read_and_not_written(run: Path) -> None:
    with RunWriter(run) as writer:
        writer.settle()
    run.chmod(0o555)
    (run / DATABASE).chmod(0o444)
    try:
        assert RunReader(run).sweep()
        with pytest.raises(RunError, match="cannot be"), RunWriter(run):
            pass
    finally:
        run.chmod(0o755)


def test_the_file_system_of_a_folder_is_known(tmp_path: Path) -> None:
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(tmp_path) not in NETWORK


def test_a_folder_on_a_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("itnas.store.connect.file_system", lambda _: "nfs4")
    with pytest.raises(RunError, match="network file system"):
        RunWriter(tmp_path, new=True)
    assert list(tmp_path.iterdir()) == []


def test_many_reads_while_it_is_written(run: Path) -> None:
    """Readers never block the writer, nor see half of what it writes."""
    code = f"""
import sys
from pathlib import Path
from itnas.store import RunReader
reader = RunReader(Path({str(run)!r}))
while True:
    rows = reader.rows("SELECT count(*) AS n FROM events")
    if rows[0]["n"] % 2:
        sys.exit(3)
    if rows[0]["n"] >= 400:
        sys.exit(0)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        with RunWriter(run) as writer:
            for _ in range(200):
                with writer.transaction():
                    writer.event("a", None, None, {})
                    writer.event("b", None, None, {})
                time.sleep(0.002)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
