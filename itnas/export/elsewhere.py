"""Answers from a process of its own, in which itnas cannot be imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

PATIENCE = 600  # seconds
BEFORE = """
import sys
sys.modules["itnas"] = None
import torch
torch.set_num_threads(1)
given = torch.load(sys.argv[2], weights_only=True)
"""
AFTER = """
torch.save(found, sys.argv[3])
"""


def answered(script: str, path: Path, given: Sequence[Mapping[str, Tensor]]) -> list[Tensor]:
    """What `script` finds: it makes a list of tensors `found` from the arguments `given` and the path sys.argv[1]."""
    with TemporaryDirectory() as folder:
        questions, answers = Path(folder, "given.pt"), Path(folder, "found.pt")
        torch.save([dict(part) for part in given], questions)
        # -I: neither the folder it runs in nor variables of the environment add to what can be imported.
        command = [sys.executable, "-I", "-W", "ignore", "-c", BEFORE + script + AFTER]
        done = subprocess.run(
            [*command, str(path.resolve()), str(questions), str(answers)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise ValueError(f"what was written does not run without itnas: {said[0]}")
        found: list[Tensor] = torch.load(answers, weights_only=True)
    return found
