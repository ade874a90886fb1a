"""Starting `itnas`, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable

Inside = Callable[..., tuple[int, str, str]]
START = [sys.executable, "-c", "from itnas.cli import main; main()"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80"}
QUICK = ("--lengths", "8,16", "--copies", "1", "--quiet")


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*START, *map(str, arguments)], capture_output=True, text=True, env={**ALONE, **environment})
