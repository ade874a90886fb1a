"""Starting `itnas`, in a process of its own."""

import os
import subprocess
import sys

START = [sys.executable, "-c", "from itnas.cli import main; main()"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
# Trials of a second.
SMALL = (
    *("--engine", "inline", "--task", "flip-flop", "--task", "local-pattern", "--trials", "3", "--replicas", "1"),
    *("--steps", "8", "--length", "16", "--rungs", "2", "--specialists", "gru", "--confirm", "1"),
    *("--confirm-replicas", "2", "--copies", "1", "--seed", "3"),
)


def itnas(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    told = [*START, *map(str, arguments)]
    return subprocess.run(told, capture_output=True, text=True, env={**ALONE, **environment}, timeout=280)
