"""Starting `itnas` in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, Popen

from tests.forked import Forker

START = [sys.executable, "-c", "from itnas.cli import main; main()"]
# One thread: two busy processes on two cores would wait for each other.
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
# The command line in the test's own process (the fixture `inside`): exit code, stdout and stderr.
Inside = Callable[..., tuple[int, str, str]]
_FORKER = Forker()


def itnas(*arguments: object, cwd: Path | None = None, **environment: str) -> CompletedProcess[str]:
    """Run the command line to its end, without waiting for imports."""
    return _FORKER.itnas([*map(str, arguments)], {**ALONE, **environment}, cwd or Path.cwd())


def itnas_from_nothing(*arguments: object, **environment: str) -> CompletedProcess[str]:
    """Run the command line to its end as a shell does."""
    told = [*START, *map(str, arguments)]
    return subprocess.run(told, capture_output=True, text=True, env={**ALONE, **environment})


def wait_for(path: Path, process: Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
