"""Real processes: started in a place of their own, found again by it, and all of them ended with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
ITNAS = (str(Path(sys.executable).with_name("itnas")),)
PATIENCE = 120.0  # seconds after which something that must happen has not


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Place:
    """The temporary folder and home of whatever a test starts: who has it in the environment is the test's own."""

    folder: Path
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def environment(self, **more: str) -> dict[str, str]:
        own = {"TMPDIR": str(self.folder), "HOME": str(self.folder), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        # A Ray whose control process is gone need not wait for it for a minute.
        before = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
        return {**before, **own, "COLUMNS": "200", "RAY_gcs_rpc_server_reconnect_timeout_s": "20", **more}

    def start(self, *command: object, cwd: Path = ROOT, said: str = "", **more: str) -> subprocess.Popen[str]:
        """A process in a group of its own, as a shell would start it. What it says goes to files."""
        with open(self.folder / f"{said}out", "w") as out, open(self.folder / f"{said}err", "w") as err:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env=self.environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            )
        self.children.append(process)
        return process

    def ended(self, process: subprocess.Popen[str], patience: float = PATIENCE) -> Ended:
        """Wait for the end of the process that was started last."""
        code = process.wait(patience)
        return Ended(code, *((self.folder / name).read_text() for name in ("out", "err")))

    def itnas(self, *arguments: object, cwd: Path = ROOT, patience: float = PATIENCE, **more: str) -> Ended:
        """Run the command line to its end."""
        return self.ended(self.start(*ITNAS, *arguments, cwd=cwd, **more), patience)

    def processes(self) -> list[int]:
        """All that were started from here and are alive, also those whose parents are gone."""
        mark = os.fsencode(str(self.folder))
        return [pid for pid in _pids() if pid != os.getpid() and mark in _read(pid, "environ") + _read(pid, "cmdline")]

    def marked(self, mark: str) -> list[int]:
        """Those of them that have this in their environment."""
        return [pid for pid in self.processes() if os.fsencode(mark) in _read(pid, "environ")]

    def named(self, *names: str) -> list[int]:
        """Those of them whose command line begins with one of the names, paths apart."""
        return [pid for pid in self.processes() if _name(pid).startswith(names)]

    def kill_all(self) -> None:
        for _ in range(100):
            left = self.processes()
            for pid in left:
                kill(pid)
            if not left:
                break
            time.sleep(0.05)
        for child in self.children:
            child.wait()


@contextmanager
def new_place() -> Iterator[Place]:
    """A place under a short path, as sockets want it; nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="c", dir="/tmp"))
    place = Place(folder)
    try:
        yield place
    finally:
        place.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Whether it was still there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def until(met: Callable[[], object], patience: float = PATIENCE, pause: float = 0.02) -> None:
    """Wait for something that must happen."""
    end = time.monotonic() + patience
    while not met():
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {patience:g} seconds")
        time.sleep(pause)


def command_lines(pids: Sequence[int]) -> list[str]:
    """For a failing test to show."""
    return [f"{pid} {_name(pid)}"[:200] for pid in pids]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(pid: int, what: str) -> bytes:
    """Of processes that are gone, or somebody else's: nothing. Of dead ones nobody has waited for: nothing either."""
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


def _name(pid: int) -> str:
    first, _, rest = _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").partition(" ")
    return f"{first.rpartition('/')[2] if not first.startswith('ray::') else first} {rest}"
