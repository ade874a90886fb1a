"""What clusters do with a job, played by small programs; the training in it is the real one."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

# Runs what it is given, as Slurm would on a node.
SRUN = '#!/bin/bash\nexec "$@"\n'
ITNAS = f'#!/bin/bash\nexec {sys.executable} -c "from itnas.cli import main; main()" "$@"\n'


def recorder(code: int = 0) -> str:
    """A program that keeps its arguments, and ends with a code."""
    keep = "import json, os, sys; open(os.environ['CALLS'], 'a').write(json.dumps(sys.argv[1:]) + chr(10))"
    return f'#!/bin/bash\n{sys.executable} -c "{keep}" "$@"\nexit {code}\n'


class Cluster:
    """A folder of programs that stand before all others on the PATH."""

    def __init__(self, folder: Path, **programs: str) -> None:
        self.folder, self.calls_file = folder, folder / "calls"
        folder.mkdir()
        for name, text in programs.items():
            (folder / name).write_text(text)
            (folder / name).chmod(stat.S_IRWXU)

    def bash(self, script: str, *arguments: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "PYTHONPATH") if name in os.environ}
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        told = {"PATH": path, "CALLS": str(self.calls_file), "OMP_NUM_THREADS": "1", **extra}
        command = ["bash", script, *arguments]
        return subprocess.run(command, cwd=cwd, env=kept | told, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[list[str]]:
        """What the recorders were called with."""
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]


def set_knobs(path: Path, **knobs: Any) -> None:
    """Change the first lines of a script, as a user would."""
    text = path.read_text()
    for name, value in knobs.items():
        text, found = re.subn(rf"^{name}=\S+", f"{name}={value}", text, count=1, flags=re.MULTILINE)
        assert found, name
    path.write_text(text)
