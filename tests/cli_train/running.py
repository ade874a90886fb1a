"""Starting `itnas train`, in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Inside = Callable[..., tuple[int, str, str]]
START = [sys.executable, "-c", "from itnas.cli import main; main()"]
# One thread: two busy processes on two cores would wait for each other.
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*START, *map(str, arguments)], capture_output=True, text=True, env=ALONE, cwd=cwd)


def command(out: Path, steps: int = 30, *more: str) -> list[str]:
    task = ["--task", "parity/length=16,batch_size=8", "--replicas", "2", "--steps", str(steps)]
    return ["train", "gru", *task, "--seed", "3", "--out", str(out), *more]


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
